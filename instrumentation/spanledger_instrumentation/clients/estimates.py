"""Tokens of answers whose provider did not tell them: always flagged as estimates, never above the request's cap."""

from __future__ import annotations

import math
from collections.abc import Container, Iterator, Mapping, Sequence
from typing import Any

from spanledger.usage import Usage
from spanledger_instrumentation.clients.shapes import natural

#: Bytes of a prompt in a token: prompts may be too long to look at closer. Serves estimates only, never bounds.
_BYTES_PER_TOKEN = 4
#: Seconds of generation that were under way when an answer was given up.
UNDER_WAY_SECONDS = 2.0
#: No model writes faster than this many tokens a second; short-lived streams would seem to.
FASTEST = 200.0


def texts(value: object, labels: Container[str] = ()) -> Iterator[str]:
    """Every string in a piece of a body but base64, links of images, and what stands under one of these labels."""
    if isinstance(value, str):
        if not value.startswith("data:"):
            yield value
    elif isinstance(value, Mapping):
        if value.get("type") != "base64":
            for key, item in value.items():
                if key not in labels:
                    yield from texts(item, labels)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from texts(item, labels)


def estimated_input(body: Mapping[str, Any]) -> int:
    """Input tokens of a request whose provider did not tell them."""
    prompt = (body.get(key) for key in ("messages", "input", "prompt", "instructions", "system", "tools"))
    size = sum(len(text.encode("utf-8", "replace")) for text in texts(list(prompt)))
    return math.ceil(size / _BYTES_PER_TOKEN)


def estimated(body: Mapping[str, Any], seen: int, elapsed: float, *, given_up: bool) -> Usage:
    """Usage of an answer whose provider did not tell it: `seen` output tokens, `elapsed` seconds after the start.

    For an answer given up, what was under way is added: two seconds at the rate seen, or at the highest where nothing
    was seen, because the model may have thought. Never above the request's cap.
    """
    output = seen
    if given_up:
        rate = seen / max(elapsed, 0.001) if seen else FASTEST
        output += math.ceil(UNDER_WAY_SECONDS * min(FASTEST, rate))
    if (limit := cap(body)) is not None:
        output = min(output, limit * _choices(body))
    return Usage(input=estimated_input(body), output=output, estimated=True)


#: Fields that cap the output, in whatever API.
_CAPS = ("max_completion_tokens", "max_tokens", "max_output_tokens", "max_tokens_to_sample")


def _choices(body: Mapping[str, Any]) -> int:
    """How many answers a request asks for; each may be as long as the cap."""
    value = body.get("n")
    return value if isinstance(value, int) and value > 1 else 1


def cap(body: Mapping[str, Any], fields: Sequence[str] = _CAPS) -> int | None:
    """The request's cap on output tokens; of several the largest, because nobody knows which of them the server obeys.

    What is no number above 0 caps nothing: to servers of one's own -1 means as much as there is room for.
    """
    return max((found for field in fields if (found := natural(body.get(field))) is not None), default=None)
