"""How good estimates are: recorded streams with their usage taken out, read as if the provider had told none.

The truth is the output in the usage that was taken out. Streams with reasoning that they do not show are left aside:
what cannot be seen cannot be estimated.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median

from conformance.cases import Case, Json
from spanledger.stream import EventReader
from spanledger_instrumentation.anthropic.events import MessageEvents
from spanledger_instrumentation.clients.answers import payload
from spanledger_instrumentation.openai.events import ChatEvents
from spanledger_instrumentation.openai.response_events import ResponseEvents

_FINAL = ("response.completed", "response.incomplete", "response.failed")
_READERS: dict[str, Callable[[Json], EventReader]] = {
    "chat.completions": lambda body: ChatEvents(body, asked=False),
    "completions": lambda body: ChatEvents(body, asked=False),
    "responses": ResponseEvents,
    "messages": MessageEvents,
}


@dataclass(frozen=True)
class Guess:
    """An estimate of the output of one stream, beside what the provider billed."""

    case: str
    output: int
    estimated: int
    tools: bool

    @property
    def off(self) -> float:
        """By how much, as a share of the output."""
        return (self.estimated - self.output) / self.output

    @property
    def near(self) -> bool:
        """Whether that is no more than 5 %, or no more than two tokens of a short answer."""
        return abs(self.estimated - self.output) <= max(2, 0.05 * self.output)


def guesses(cases: Iterable[Case]) -> list[Guess]:
    """Of all streams whose usage is known for certain and that show all of it."""
    return [guess for case in cases if (guess := _guess(case)) is not None]


def _guess(case: Case) -> Guess | None:
    right = case.expected.tokens
    if not (case.response.stream and case.endpoint in _READERS and right and case.expected.hard_tokens):
        return None
    events = list(_documents(case))
    if right.output <= 0 or (right.reasoning and not any(map(_shows_reasoning, events))):
        return None
    reader = _READERS[case.endpoint](case.request.body or {})
    for event in filter(None, map(_without_usage, events)):
        reader.event(f"data: {json.dumps(event)}\n\n".encode())
    usage = reader.answer().usage
    return Guess(case.id, right.output, usage.output if usage else 0, "tools" in case.features)


def _documents(case: Case) -> Iterator[Json]:
    body = case.response.body.replace(b"\r\n", b"\n")
    yield from filter(None, (payload(event + b"\n\n") for event in body.split(b"\n\n")))


def _without_usage(event: Json) -> Json | None:
    """An event as a provider would send it that tells no usage; None for one that tells nothing else."""
    if event.get("type") in _FINAL:
        return None
    if event.get("choices") == [] and event.get("usage"):
        return None
    if isinstance(message := event.get("message"), dict):
        event = {**event, "message": {**message, "usage": None}}
    return {key: value for key, value in event.items() if key not in ("usage", "x_groq", "timings")}


def _shows_reasoning(event: Json) -> bool:
    deltas = [choice.get("delta") for choice in event.get("choices") or () if isinstance(choice, dict)]
    deltas.append(event.get("delta"))
    shown = ("reasoning", "reasoning_content", "thinking")
    return "reasoning_text" in str(event.get("type")) or any(
        isinstance(delta, dict) and any(delta.get(key) for key in shown) for delta in deltas
    )


#: The lengths of outputs that are looked at apart, in tokens.
_BANDS = ((1, 19), (20, 99), (100, None))


def text(found: Sequence[Guess]) -> str:
    """The distribution, by the length of the output."""
    head = f"{'output in tokens':<20}{'streams':>9}{'near':>9}{'median':>9}{'worst of 9/10':>15}{'sum':>9}"
    rows = ["Estimates of streams whose usage was taken out (near: 5 % or 2 tokens off, whichever is more)", head]
    for low, high in _BANDS:
        members = [guess for guess in found if guess.output >= low and (high is None or guess.output <= high)]
        rows.append(_row(f"{low} to {high}" if high else f"{low} and more", members))
    rows += [_row("all", found), _row("without tools", [guess for guess in found if not guess.tools])]
    return "\n".join(filter(None, rows))


def _row(name: str, found: Sequence[Guess]) -> str:
    if not found:
        return ""
    off = sorted(abs(guess.off) for guess in found)
    near = sum(guess.near for guess in found)
    truth, told = sum(guess.output for guess in found), sum(guess.estimated for guess in found)
    middle, worst = median(guess.off for guess in found), off[(len(off) * 9 - 1) // 10]
    return f"{name:<20}{len(found):>9}{f'{near}/{len(found)}':>9}{middle:>+9.1%}{worst:>15.1%}{told / truth - 1:>+9.1%}"
