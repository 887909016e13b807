"""Embeddings."""

from __future__ import annotations

from typing import Any

from provider import tokens, wishes
from provider.content.vectors import embed, packed
from provider.desk import Ask, Desk, Reply
from provider.errors import ApiError
from provider.models import DEFAULT_DIMENSIONS, DIMENSIONS
from provider.usage import Tokens

_EMPTY = "'$.input' is invalid. Please check the API reference: https://platform.openai.com/docs/api-reference."


def answer(ask: Ask, desk: Desk) -> Reply:  # noqa: ARG001 - every endpoint is called alike
    """The reply to `POST embeddings`."""
    given = ask.body.get("input")
    if given in (None, "", []):
        raise ApiError(400, _EMPTY)
    size = ask.body.get("dimensions") or DIMENSIONS.get(ask.model.asked, DEFAULT_DIMENSIONS)
    vectors = [embed(wishes.without_marks(text), size) for text in given_texts(given)]
    base64 = ask.body.get("encoding_format") == "base64"
    data = [
        {"object": "embedding", "index": index, "embedding": packed(vector) if base64 else vector}
        for index, vector in enumerate(vectors)
    ]
    counted = _count(given) if ask.wish.input is None else ask.wish.input
    usage = {"prompt_tokens": counted, "total_tokens": counted}
    body = {"object": "list", "data": data, "model": ask.model.dated, "usage": usage}
    return Reply(body, Tokens(input=counted))


def given_texts(given: Any) -> list[str]:
    """An input of a text, several texts, a list of token numbers, or several of these, as texts."""
    if isinstance(given, str):
        return [given]
    if given and isinstance(given[0], int):
        return [_text(given)]
    return [part if isinstance(part, str) else _text(part) for part in given]


def _text(numbers: list[int]) -> str:
    return " ".join(f"t{number}" for number in numbers)


def _count(given: Any) -> int:
    if isinstance(given, str):
        return max(1, tokens.count(given))
    if given and isinstance(given[0], int):
        return len(given)
    return sum(_count(part) for part in given)
