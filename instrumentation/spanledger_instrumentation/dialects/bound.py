"""Reads the worst case of a request in any dialect but OpenAI's and Anthropic's: how much it may read and write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spanledger.bound import Bound
from spanledger_instrumentation.clients.shapes import natural
from spanledger_instrumentation.dialects.reading import Dialect

#: Fields that stand for more than their bytes: files, pictures and sounds, here or elsewhere.
_UNSEEN = frozenset(
    {
        "fileData", "file_data", "inlineData", "inline_data", "cachedContent", "cached_content",
        "image", "images", "image_url", "video", "audio", "document", "documents", "s3Location",
    }
)  # fmt: skip
#: Tools that the provider runs itself.
_SERVED = frozenset(
    {"googleSearch", "google_search", "googleSearchRetrieval", "codeExecution", "code_execution", "urlContext"}
)
#: How many answers are asked for.
_CHOICES = ("candidateCount", "candidate_count", "num_generations", "n", "best_of")


def bound(dialect: Dialect, operation: str, body: Mapping[str, Any], sent: int | None) -> Bound:
    """The worst case of a request whose body has so many bytes; an empty body is one that could not be seen."""
    keys = set(_keys(body))
    unseen = not body or bool(keys & _UNSEEN)
    size = None if unseen else sent
    if operation in ("embeddings", "rerank"):
        return Bound(sent, 0, several=True, text_only=not unseen)
    cap = dialect.asked(body).get("max_tokens")
    return Bound(
        size=size,
        output=natural(cap),
        choices=max((value for name, value in _numbers(body) if name in _CHOICES), default=1),
        passes=None if keys & _SERVED else 1,
        text_only=not unseen,
    )


def _keys(value: object) -> Iterator[str]:
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield key
            yield from _keys(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _keys(inner)


def _numbers(body: Mapping[str, Any]) -> Iterator[tuple[str, int]]:
    """Whole numbers of at least 1 at the top and in the settings of the generation."""
    for place in (body, body.get("generationConfig"), body.get("generation_config"), body.get("options")):
        for name, value in place.items() if isinstance(place, Mapping) else ():
            if type(value) is int and value >= 1:
                yield name, value
