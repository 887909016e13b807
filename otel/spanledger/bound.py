"""The worst that one attempt of a call can use, as far as its request tells."""

from __future__ import annotations

from dataclasses import dataclass

from spanledger.usage import Units

#: What a provider may add to a prompt beyond its bytes: marks around messages and tools, in tokens.
AROUND = 64


@dataclass(frozen=True, slots=True)
class Bound:
    """An upper bound of what a request can use.

    A token of a byte-level encoding is at least one byte, so the bytes of a request bound its input. `size` is that
    number; None where what the model reads is not in the body (images by link, files, earlier responses): then only
    its context window bounds it. `output` is the cap on output tokens of one choice, None where there is none; 0 where
    there is no output at all, as with embeddings. `passes` is how often the model may read the prompt, because the
    provider runs tools in between; None where nobody knows. `several`: many inputs in one request, each with a context
    window of its own. `text_only`: neither audio nor images on the way in or out.

    `units` is the most of what is no token and is billed for (characters, pictures), None where nobody knows. `reason`
    says in a sentence why the request does not tell its worst case, where that is so. `times` is how many requests of
    this kind there are in a batch. `lasting`: the work may end long after the call, and be settled by another process.
    """

    size: int | None
    output: int | None
    choices: int = 1
    passes: int | None = 1
    several: bool = False
    text_only: bool = True
    units: Units | None = None
    reason: str = ""
    times: int = 1
    lasting: bool = False

    def input(self, window: int | None) -> int | None:
        """Input tokens at most, given the model's context window; None where nobody knows."""
        if self.passes != 1:
            return None if window is None else window * (self.passes or 1)
        if self.size is None:
            return window
        found = self.size + AROUND
        return found if window is None or self.several else min(found, window)
