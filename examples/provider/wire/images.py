"""Pictures, all of them one grey pixel. Models whose name says `gpt` are billed by tokens, others by the picture."""

from __future__ import annotations

from collections.abc import Iterator

from provider.desk import Ask, Desk, Reply
from provider.errors import Json
from provider.usage import Tokens

_PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNoAAAAggCBd81ytgAAAABJRU5ErkJggg=="


def draw(ask: Ask, desk: Desk) -> Reply:  # noqa: ARG001 - every endpoint is called alike
    """The reply to `POST images/generations`, `images/edits` and `images/variations`."""
    pieces = int(ask.body.get("n") or 1)
    body: Json = {"created": ask.created, "data": [{"b64_json": _PIXEL}] * pieces}
    if "gpt" not in ask.model.asked:
        return Reply(body, Tokens())
    seen = 100 if ask.files else 0
    usage = Tokens(input=(ask.wish.input or 20) + seen, output=(ask.wish.output or 272) * pieces)
    told = _usage(usage, seen)
    kind = "image_edit" if ask.files else "image_generation"
    return Reply(body | {"usage": told}, usage, _events(kind, told, ask.body) if ask.body.get("stream") else None)


def _usage(usage: Tokens, seen: int) -> Json:
    details = {"text_tokens": usage.input - seen, "image_tokens": seen}
    total = usage.input + usage.output
    return {
        "input_tokens": usage.input,
        "output_tokens": usage.output,
        "total_tokens": total,
        "input_tokens_details": details,
        "output_tokens_details": {"image_tokens": usage.output, "text_tokens": 0},
    }


def _events(kind: str, told: Json, body: Json) -> Iterator[Json]:
    for at in range(int(body.get("partial_images") or 0)):
        yield {"type": f"{kind}.partial_image", "partial_image_index": at, "b64_json": _PIXEL}
    yield {"type": f"{kind}.completed", "b64_json": _PIXEL, "usage": told}
