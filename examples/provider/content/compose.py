"""The answer to a conversation: text, JSON or tool calls, cut to the cap of the request."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace

from provider import tokens
from provider.content.prompt import stable
from provider.content.prose import prose
from provider.content.schema import fill
from provider.content.talk import Talk
from provider.content.toolbox import chosen
from provider.models import Model
from provider.wishes import Wish

_EFFORT = {"none": 0, "minimal": 0, "low": 1, "medium": 3, "high": 8, "xhigh": 14}
_THOUGHT = 64  # reasoning is billed in steps of 64 tokens


@dataclass(frozen=True)
class ToolCall:
    """A call of a function, as the model wrote it."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True)
class Said:
    """One answer."""

    text: str
    calls: tuple[ToolCall, ...]
    finish: str
    """`stop`, `length` or `tool_calls`."""
    reasoning: int
    """Hidden tokens."""
    visible: int
    """Tokens of the text or of the calls."""

    @property
    def tokens(self) -> int:
        """What is billed as output."""
        return self.reasoning + self.visible


def compose(talk: Talk, model: Model, effort: str | None, wish: Wish, key: str) -> Said:
    """The answer of that model; `key` tells several answers to one request apart."""
    thought = _thought(talk, model, effort, wish)
    room = None if talk.cap is None else max(0, talk.cap - thought)
    if talk.cap is not None and thought >= talk.cap:
        return Said("", (), "length", talk.cap, 0)
    exact = None if wish.output is None else max(0, wish.output - thought)
    said = _calls(talk, key) or _text(talk, exact, key)
    said = _cut(replace(said, reasoning=thought), room)
    if exact is not None:
        said = replace(said, visible=exact if room is None else min(exact, room))
    return said


def _thought(talk: Talk, model: Model, effort: str | None, wish: Wish) -> int:
    if wish.reasoning is not None:
        return wish.reasoning
    if not model.thinks:
        return 0
    steps = _EFFORT.get(effort or model.default_effort, 3)
    return _THOUGHT * steps * (1 + stable(talk.text, "thought") % 2)


def _calls(talk: Talk, key: str) -> Said | None:
    calls = tuple(
        ToolCall(
            id=f"call_{stable(key, tool.name, at):016x}",
            name=tool.name,
            arguments=json.dumps(fill(tool.parameters, talk.question, at), separators=(",", ":")),
        )
        for at, tool in enumerate(chosen(talk))
    )
    if not calls:
        return None
    # The provider answers a forced function call with `stop`; only a free choice ends with `tool_calls`.
    finish = "tool_calls" if talk.choice in ("auto", "required") else "stop"
    size = sum(tokens.count(call.name) + tokens.count(call.arguments) + 4 for call in calls)
    return Said("", calls, finish, 0, size)


def _text(talk: Talk, exact: int | None, key: str) -> Said:
    if talk.schema is not None:
        text = json.dumps(fill(talk.schema, talk.prompt), separators=(",", ":"))
    elif talk.json_object:
        text = json.dumps(_object(talk), separators=(",", ":"))
    else:
        facts = [f"I found this: {found[:200].strip()}." for found in talk.found]
        text = prose(talk.question, facts, exact, salt=key.rpartition("#")[2])
    for stop in talk.stop:
        text = text.partition(stop)[0]
    return Said(text, (), "stop", 0, tokens.count(text))


def _object(talk: Talk) -> dict[str, object]:
    words = talk.prompt.keywords
    return {"answer": prose(talk.question, length=24), "topics": list(words[:3])}


def _cut(said: Said, room: int | None) -> Said:
    if room is None or said.visible <= room:
        return said
    if said.calls:
        first = said.calls[0]
        cut = "".join(tokens.pieces(first.arguments)[: max(0, room - 4)])
        return replace(said, calls=(replace(first, arguments=cut),), finish="length", visible=room)
    text = "".join(tokens.pieces(said.text)[:room])
    return replace(said, text=text, finish="length", visible=tokens.count(text))
