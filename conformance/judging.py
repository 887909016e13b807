"""Judges one case: what its spans say and what the app saw, against what is right.

A question that makes no sense for a case is not asked of it, so shares are of what was asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from conformance import seen
from conformance.cases import Case, Tokens
from conformance.playing import Outcome, Played
from spanledger.semconv import names

#: What is asked, in the order of the report.
QUESTIONS = {
    "tokens": "every kind of token is right",
    "cost": "the cost is right to 1e-9 USD",
    "price": "a cost or the word `unpriced`; never 0 for what costs something",
    "once": "metered once; not at all where nothing was used",
    "honest": "nothing is claimed that the provider did not say, unless as an estimate",
    "error": "an error is one span that says so",
    "fine": "no span calls a good answer an error",
    "said": "the span says what else it must",
    "same": "the app sees what it sees without spanledger",
}
_TOKENS = {
    "input": names.GEN_AI_USAGE_INPUT_TOKENS,
    "output": names.GEN_AI_USAGE_OUTPUT_TOKENS,
    "cached_input": names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS,
    "cache_write": names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS,
    "reasoning": names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS,
}
#: How far a cost may be off, in USD.
_NEAR = 1e-9
#: The end of a streamed response that came to nothing.
_BROKEN = re.compile(rb'"type": ?"response\.(failed|incomplete|cancelled)"')

Said = Mapping[str, Any]


@dataclass(frozen=True)
class Verdict:
    """What is wrong with one case: question to fault, None for what is right. What was not asked is not in it."""

    case: Case
    answers: Mapping[str, str | None]
    metered: int

    @property
    def wrong(self) -> dict[str, str]:
        """The faults."""
        return {question: fault for question, fault in self.answers.items() if fault is not None}


def judge(case: Case, outcome: Outcome) -> Verdict:
    """Ask all questions that make sense for a case."""
    bare, played = outcome.bare[case.id], outcome.metered[case.id]
    spans = [span for span in outcome.spans.get(played.trace, ()) if _is_genai(span)]
    said = [span.attributes or {} for span in spans]
    metered = [found for found in said if _TOKENS["input"] in found or _TOKENS["output"] in found]
    answers = dict(_of_usage(case, metered))
    answers["once"] = _once(case, said, metered)
    if case.expected.kind == "no_usage":
        answers["honest"] = _honest(said)
    if case.expected.kind != "error":
        if not _unhappy(case, bare):
            answers["fine"] = "a span calls it an error" if _failed(spans) else None
    elif case.creates:
        answers["error"] = _error(spans)
    answers["same"] = _same(bare, played)
    return Verdict(case, answers, len(metered))


def _is_genai(span: ReadableSpan) -> bool:
    return any(key.startswith("gen_ai.") for key in span.attributes or {})


def _of_usage(case: Case, metered: Sequence[Said]) -> Iterator[tuple[str, str | None]]:
    right = case.expected
    if right.kind == "usage" and right.hard_tokens and right.tokens is not None:
        yield "tokens", _first(_tokens(right.tokens, said) for said in metered) if metered else "no span tells them"
    if right.kind == "usage" and case.cost_is_known and right.cost is not None:
        yield "cost", _first(_cost(right.cost, said) for said in metered) if metered else "no span tells it"
    if metered:
        yield "price", _first(_price(right.worth, said) for said in metered)
    if right.attributes:
        yield "said", _first(_attributes(right.attributes, said) for said in metered) if metered else "no span says it"


def _first(faults: Iterator[str | None]) -> str | None:
    return next(filter(None, faults), None)


def _tokens(right: Tokens, said: Said) -> str | None:
    """A part that is 0 may be left out."""
    for kind in fields(right):
        expected, found = getattr(right, kind.name), said.get(_TOKENS[kind.name])
        if (found or 0) != expected or (found is None and kind.name == "input"):
            return f"{kind.name} is {found}, not {expected}"
    return None


def _cost(right: float, said: Said) -> str | None:
    found, currency = said.get(names.GEN_AI_USAGE_COST_AMOUNT), said.get(names.GEN_AI_USAGE_COST_CURRENCY)
    if found is None:
        return "no cost"
    return None if abs(found - right) < _NEAR and currency == "USD" else f"{found!r} {currency}, not {right!r}"


def _price(worth: float, said: Said) -> str | None:
    cost, status = said.get(names.GEN_AI_USAGE_COST_AMOUNT), said.get(names.SPANLEDGER_PRICE_STATUS)
    used = (said.get(_TOKENS["input"]) or 0) + (said.get(_TOKENS["output"]) or 0)
    if cost == 0 and used and worth > 0:
        return f"0 for {used} tokens"
    expected = "unpriced" if cost is None else "priced"
    return None if status == expected else f"{status!r} with a cost of {cost!r}"


def _attributes(right: Said, said: Said) -> str | None:
    return next(
        (f"{key} is {said.get(key)!r}, not {want!r}" for key, want in right.items() if said.get(key) != want), None
    )


def _once(case: Case, said: Sequence[Said], metered: Sequence[Said]) -> str | None:
    kind = case.expected.kind
    if kind == "error":  # that nothing was used is true
        metered = [found for found in metered if any(found.get(name) for name in _TOKENS.values())]
    least, most = {"usage": (1, 1), "no_usage": (0, 1)}.get(kind, (0, 0)) if case.creates else (0, 0)
    if kind == "retrieve" and _background(case):  # it may be the first to tell the usage
        most = 1
    if not least <= len(metered) <= most:
        return f"{len(metered)} metered spans"
    if not most and any(found.get(names.GEN_AI_USAGE_COST_AMOUNT) for found in said):
        return "a cost where nothing was used"
    return None


def _honest(said: Sequence[Said]) -> str | None:
    claims = {*_TOKENS.values(), names.GEN_AI_USAGE_COST_AMOUNT}
    told = [found for found in said if claims & found.keys()]
    return None if all(found.get(names.SPANLEDGER_USAGE_ESTIMATED) is True for found in told) else "claimed as a fact"


def _failed(spans: Sequence[ReadableSpan]) -> list[ReadableSpan]:
    return [span for span in spans if span.status.status_code is StatusCode.ERROR]


def _error(spans: Sequence[ReadableSpan]) -> str | None:
    found = [bool((span.attributes or {}).get(names.ERROR_TYPE)) for span in _failed(spans)]
    return None if found == [True] else f"{len(found)} spans with an error, {sum(found)} of them with its type"


def _same(bare: Played, played: Played) -> str | None:
    if (changed := seen.difference(bare.seen, played.seen)) is not None:
        return changed
    return None if bare.requests == played.requests else "the request that was sent"


def _document(case: Case) -> dict[str, Any]:
    try:
        found = json.loads(case.response.body)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _background(case: Case) -> bool:
    return _document(case).get("background") is True or b'"background":true' in case.response.body


def _unhappy(case: Case, bare: Played) -> bool:
    """Whether there is a failure within an answer that HTTP calls a success."""
    if "error" in bare.seen or _BROKEN.search(case.response.body):
        return True
    found = _document(case)
    return bool(found.get("error")) or found.get("status") in ("failed", "incomplete", "cancelled")
