"""Adds verdicts up, by stratum, and puts the sums on one page."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from conformance.judging import QUESTIONS, Verdict
from conformance.strata import strata

#: Faults shown of each question.
_SHOWN = 5


@dataclass(frozen=True)
class Tally:
    """How many cases there are, and of each question how often it was asked and answered well."""

    cases: int
    asked: Mapping[str, int]
    right: Mapping[str, int]

    @classmethod
    def of(cls, verdicts: Sequence[Verdict]) -> Tally:
        """Of these verdicts."""
        asked = {q: sum(q in verdict.answers for verdict in verdicts) for q in QUESTIONS}
        wrong = {q: sum(q in verdict.wrong for verdict in verdicts) for q in QUESTIONS}
        return cls(len(verdicts), asked, {q: asked[q] - wrong[q] for q in QUESTIONS})

    def share(self, question: str) -> float | None:
        """The share of good answers; None if it was never asked."""
        return self.right[question] / self.asked[question] if self.asked[question] else None

    def cell(self, question: str) -> str:
        """`12/13`; `-` if it was never asked."""
        return f"{self.right[question]}/{self.asked[question]}" if self.asked[question] else "-"


@dataclass(frozen=True)
class Report:
    """The outcome: failures of the run itself are `problems`, what the bare client cannot play is `unplayable`."""

    verdicts: Sequence[Verdict]
    problems: Sequence[str]
    unplayable: Mapping[str, str]

    @property
    def passed(self) -> bool:
        """Whether there was something to judge and all of it is right."""
        return bool(self.verdicts) and not self.problems and not any(verdict.wrong for verdict in self.verdicts)

    def strata(self) -> dict[str, Tally]:
        """The tally of each stratum, by its name."""
        members: defaultdict[str, list[Verdict]] = defaultdict(list)
        for verdict in self.verdicts:
            for name in strata(verdict.case):
                members[name].append(verdict)
        return {name: Tally.of(found) for name, found in sorted(members.items(), key=_order)}

    def text(self) -> str:
        """The page that is printed."""
        width = max((len(name) for name in self.strata()), default=0) + 2
        rows = [_row("", "cases", QUESTIONS, width)]
        rows += [
            _tally(name, tally, width) for name, tally in {**self.strata(), "all": Tally.of(self.verdicts)}.items()
        ]
        rows += ["", *(f"{question:>7}  {meaning}" for question, meaning in QUESTIONS.items())]
        for question in QUESTIONS:
            rows += self._faults(question)
        rows += [f"\n{case} cannot be played by the bare client: {why}" for case, why in self.unplayable.items()]
        rows += [f"\nproblem: {problem}" for problem in self.problems]
        return "\n".join([*rows, "", self.summary()])

    def summary(self) -> str:
        """The last line."""
        every, strata_ = Tally.of(self.verdicts), self.strata().values()
        shares = [share for tally in strata_ if (share := tally.share("tokens")) is not None]
        macro = sum(shares) / len(shares) if shares else None
        kinds = [verdict.case.expected.kind for verdict in self.verdicts]
        double = sum(
            "once" in v.wrong and v.metered > (k == "usage") for v, k in zip(self.verdicts, kinds, strict=True)
        )
        missing = sum("once" in v.wrong and not v.metered for v in self.verdicts)
        return (
            f"tokens {_percent(every.share('tokens'))} ({every.asked['tokens']}), over strata {_percent(macro)}; "
            f"cost {_percent(every.share('cost'))} ({every.asked['cost']}); invented {_wrong(every, 'honest')}; "
            f"double {double}; missing {missing}; apps changed {_wrong(every, 'same')}"
        )

    def json(self) -> dict[str, Any]:
        """Everything, for a file."""
        return {
            "passed": self.passed,
            "summary": self.summary(),
            "problems": list(self.problems),
            "unplayable": dict(self.unplayable),
            "strata": {
                name: {"cases": t.cases, "asked": t.asked, "right": t.right} for name, t in self.strata().items()
            },
            "cases": {
                v.case.id: {"strata": strata(v.case), "wrong": v.wrong, "asked": list(v.answers)} for v in self.verdicts
            },
        }

    def _faults(self, question: str) -> Iterable[str]:
        found = [(v.case.id, v.wrong[question]) for v in self.verdicts if question in v.wrong]
        if found:
            yield f"\n{question}: {len(found)} wrong"
            yield from (f"  {case}: {fault}" for case, fault in found[:_SHOWN])


def _order(entry: tuple[str, Any]) -> tuple[int, str]:
    """Kinds of calls first, then providers, then features."""
    name = entry[0]
    return name.startswith("provider: ") + 2 * name.startswith("feature: "), name


def _row(name: str, cases: str, cells: Iterable[str], width: int) -> str:
    return f"{name:<{width}}{cases:>6}" + "".join(f"{cell:>10}" for cell in cells)


def _tally(name: str, tally: Tally, width: int) -> str:
    return _row(name, str(tally.cases), map(tally.cell, QUESTIONS), width)


def _wrong(tally: Tally, question: str) -> int:
    return tally.asked[question] - tally.right[question]


def _percent(share: float | None) -> str:
    """To a tenth, rounded down: 100 % is all."""
    return "-" if share is None else f"{int(share * 1000) / 10:.1f} %"
