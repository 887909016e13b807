"""Tokens of answers whose provider did not tell them: always flagged as estimates, never above the request's cap."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from spanledger.usage import Usage
from spanledger_instrumentation.clients.shapes import natural

#: Bytes of text in a token: what is generally seen with English and code. Serves estimates only, never bounds.
BYTES_PER_TOKEN = 4
#: Seconds of generation that were under way when an answer was given up.
UNDER_WAY_SECONDS = 2.0
#: No model writes faster than this many tokens a second; short-lived streams would seem to.
FASTEST = 200.0


def texts(value: object) -> Iterator[str]:
    """Every string in a piece of a body, base64 and links of images left out."""
    if isinstance(value, str):
        if not value.startswith("data:"):
            yield value
    elif isinstance(value, Mapping):
        if value.get("type") != "base64":
            for item in value.values():
                yield from texts(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts(item)


def tokens(pieces: Sequence[str]) -> int:
    """Tokens of a text that came in these pieces: one a piece, or by the size of the text if that is more."""
    size = sum(len(piece.encode("utf-8", "replace")) for piece in pieces)
    return max(len(pieces), -(-size // BYTES_PER_TOKEN))


def estimated_input(body: Mapping[str, Any]) -> int:
    """Input tokens of a request whose provider did not tell them."""
    prompt = (body.get(key) for key in ("messages", "input", "prompt", "instructions", "system", "tools"))
    size = sum(len(text.encode("utf-8", "replace")) for text in texts(list(prompt)))
    return math.ceil(size / BYTES_PER_TOKEN)


def estimated(body: Mapping[str, Any], seen: int, elapsed: float, *, given_up: bool) -> Usage:
    """Usage of an answer whose provider did not tell it: `seen` output tokens, `elapsed` seconds after the start.

    For an answer given up, what was under way is added: two seconds at the rate seen. Never above the request's cap.
    """
    output = seen
    if given_up:
        output += math.ceil(UNDER_WAY_SECONDS * min(FASTEST, seen / max(elapsed, 0.001)))
    if (limit := cap(body)) is not None:
        output = min(output, limit)
    return Usage(input=estimated_input(body), output=output, estimated=True)


#: Fields that cap the output, in whatever API.
_CAPS = ("max_completion_tokens", "max_tokens", "max_output_tokens", "max_tokens_to_sample")


def cap(body: Mapping[str, Any], fields: Sequence[str] = _CAPS) -> int | None:
    """The request's cap on output tokens; of several the largest, because nobody knows which of them the server obeys.

    What is no number above 0 caps nothing: to servers of one's own -1 means as much as there is room for.
    """
    return max((found for field in fields if (found := natural(body.get(field))) is not None), default=None)
