"""The models this provider knows: the dated release behind a name, and whether it thinks before it speaks."""

from __future__ import annotations

import re
from dataclasses import dataclass

DATED = {
    "gpt-3.5-turbo": "gpt-3.5-turbo-0125",
    "gpt-3.5-turbo-instruct": "gpt-3.5-turbo-instruct:20230824-v2",
    "gpt-4": "gpt-4-0613",
    "gpt-4-turbo": "gpt-4-turbo-2024-04-09",
    "gpt-4o": "gpt-4o-2024-08-06",
    "gpt-4o-mini": "gpt-4o-mini-2024-07-18",
    "gpt-4.1": "gpt-4.1-2025-04-14",
    "gpt-4.1-mini": "gpt-4.1-mini-2025-04-14",
    "gpt-4.1-nano": "gpt-4.1-nano-2025-04-14",
    "gpt-5": "gpt-5-2025-08-07",
    "gpt-5-mini": "gpt-5-mini-2025-08-07",
    "gpt-5-nano": "gpt-5-nano-2025-08-07",
    "gpt-5.1": "gpt-5.1-2025-11-13",
    "o1": "o1-2024-12-17",
    "o3": "o3-2025-04-16",
    "o3-mini": "o3-mini-2025-01-31",
    "o4-mini": "o4-mini-2025-04-16",
    "babbage-002": "babbage-002",
    "davinci-002": "davinci-002",
    "text-embedding-3-large": "text-embedding-3-large",
    "text-embedding-3-small": "text-embedding-3-small",
    "text-embedding-ada-002": "text-embedding-ada-002-v2",
    "omni-moderation-latest": "omni-moderation-2024-09-26",
}
CLAUDE = {
    "claude-haiku-4-5": "claude-haiku-4-5-20251001",
    "claude-sonnet-4-5": "claude-sonnet-4-5-20250929",
    "claude-opus-4-5": "claude-opus-4-5-20251101",
}
DIMENSIONS = {"text-embedding-3-large": 3072}
DEFAULT_DIMENSIONS = 1536

_THINKS = re.compile(r"^(o\d|gpt-5(?!.*chat))")
_SILENT_BY_DEFAULT = re.compile(r"^gpt-5\.\d")  # these reason only when the request sets an effort


@dataclass(frozen=True)
class Model:
    """A model as a request names it."""

    asked: str
    dated: str
    """The name the answer carries."""

    @property
    def thinks(self) -> bool:
        """Whether it is a reasoning model, with the parameters and the hidden tokens of one."""
        return bool(_THINKS.match(self.asked))

    @property
    def default_effort(self) -> str:
        """Reasoning effort where the request names none."""
        return "none" if _SILENT_BY_DEFAULT.match(self.asked) else "medium"

    @property
    def listed(self) -> bool:
        """Whether `/v1/models` shows it, by its short or its dated name."""
        return any(self.asked in names or self.asked in names.values() for names in (DATED, CLAUDE))


def named(name: str) -> Model:
    """The model of that name; an unknown one answers under the very name it was asked by."""
    return Model(name, DATED.get(name) or CLAUDE.get(name, name))
