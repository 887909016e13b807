"""What a request says to the model, whichever endpoint it came by."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from provider import tokens, wishes
from provider.content.prompt import Prompt
from provider.errors import Json

IMAGE_TOKENS = {"low": 85}
_IMAGE_DEFAULT = 765
_PER_TURN = 3
_PER_REQUEST = 3


@dataclass(frozen=True)
class Turn:
    """One message."""

    role: str
    text: str
    calls: tuple[str, ...] = ()
    """Names of the tools that an assistant message calls."""


@dataclass(frozen=True)
class Tool:
    """A function the model may call."""

    name: str
    description: str
    parameters: Json


@dataclass(frozen=True)
class Talk:
    """A conversation, the tools on offer, and the form the answer must have."""

    turns: tuple[Turn, ...]
    tools: tuple[Tool, ...] = ()
    choice: str = "auto"
    """`auto`, `none`, `required`, or the name of the one function to call."""
    parallel: bool = True
    schema: Json | None = None
    """The JSON schema of a structured answer."""
    json_object: bool = False
    """Any JSON object will do."""
    cap: int | None = None
    """The most tokens an answer may have, reasoning included."""
    stop: tuple[str, ...] = ()
    images: int = 0
    """Tokens of the pictures."""
    extra: str = ""
    """What counts as input beside the messages: tool and answer schemas."""

    @cached_property
    def flat(self) -> tuple[str, ...]:
        """The tokens of the prompt, in the order a prompt cache compares them."""
        texts = [self.extra, *(part for turn in self.turns for part in (turn.role, turn.text))]
        return tuple(piece for text in texts for piece in tokens.pieces(text))

    @cached_property
    def size(self) -> int:
        """Input tokens."""
        return len(self.flat) + self.images + _PER_TURN * len(self.turns) + _PER_REQUEST

    @cached_property
    def text(self) -> str:
        """All that was said."""
        return "\n".join(turn.text for turn in self.turns)

    @cached_property
    def prompt(self) -> Prompt:
        """The conversation without its instructions, to pick words from."""
        spoken = [turn.text for turn in self.turns if turn.role not in ("system", "developer")]
        return Prompt(wishes.without_marks("\n".join(spoken or [self.text])))

    @cached_property
    def question(self) -> Prompt:
        """The last thing the user said."""
        said = [turn.text for turn in self.turns if turn.role == "user"]
        return Prompt(wishes.without_marks(said[-1])) if said else self.prompt

    @property
    def found(self) -> tuple[str, ...]:
        """What tools have answered since the user last spoke."""
        return tuple(turn.text for turn in self._since_user if turn.role == "tool")

    @property
    def called(self) -> frozenset[str]:
        """The tools called since the user last spoke."""
        return frozenset(name for turn in self._since_user for name in turn.calls)

    @property
    def _since_user(self) -> tuple[Turn, ...]:
        last = max((at for at, turn in enumerate(self.turns) if turn.role == "user"), default=-1)
        return self.turns[last + 1 :]


def image(detail: str | None) -> int:
    """Tokens of one picture."""
    return IMAGE_TOKENS.get(detail or "auto", _IMAGE_DEFAULT)
