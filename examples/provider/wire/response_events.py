"""A response as a stream: the events in the order, and with the numbers, in which the provider sends them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

from provider import tokens
from provider.content.compose import Said
from provider.errors import Json
from provider.wire import blocks

_PENDING: Json = {"output": [], "usage": None, "incomplete_details": None, "completed_at": None}


def events(final: Json, said: Said, *, background: bool) -> Iterator[Json]:
    """The events that lead to this finished response."""
    numbers = count()
    for event in _steps(final, said, background=background):
        yield {**event, "sequence_number": next(numbers)}


def _steps(final: Json, said: Said, *, background: bool) -> Iterator[Json]:
    pending = final | _PENDING
    first = "queued" if background else "in_progress"
    yield {"type": "response.created", "response": pending | {"status": first}}
    if background:
        yield {"type": "response.queued", "response": pending | {"status": "queued"}}
    yield {"type": "response.in_progress", "response": pending | {"status": "in_progress"}}
    for index, item in enumerate(final["output"]):
        write = {"message": _message, "function_call": _function_call}.get(item["type"], _whole_item)
        yield from write(item, index)
    ending = "incomplete" if said.finish == "length" else "completed"
    yield {"type": f"response.{ending}", "response": final}


def _whole_item(item: Json, index: int) -> Iterator[Json]:
    yield {"type": "response.output_item.added", "output_index": index, "item": item}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _message(item: Json, index: int) -> Iterator[Json]:
    place = {"item_id": item["id"], "output_index": index, "content_index": 0}
    part = item["content"][0]
    started = item | {"status": "in_progress", "content": []}
    yield {"type": "response.output_item.added", "output_index": index, "item": started}
    yield {"type": "response.content_part.added", **place, "part": part | {"text": ""}}
    for piece in tokens.pieces(part["text"]):
        delta = {"delta": piece, "logprobs": [], "obfuscation": blocks.padding(piece)}
        yield {"type": "response.output_text.delta", **place, **delta}
    yield {"type": "response.output_text.done", **place, "text": part["text"], "logprobs": []}
    yield {"type": "response.content_part.done", **place, "part": part}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}


def _function_call(item: Json, index: int) -> Iterator[Json]:
    place = {"item_id": item["id"], "output_index": index}
    started = item | {"status": "in_progress", "arguments": ""}
    yield {"type": "response.output_item.added", "output_index": index, "item": started}
    for piece in tokens.pieces(item["arguments"]):
        delta = {"delta": piece, "obfuscation": blocks.padding(piece)}
        yield {"type": "response.function_call_arguments.delta", **place, **delta}
    done = {"arguments": item["arguments"], "name": item["name"]}
    yield {"type": "response.function_call_arguments.done", **place, **done}
    yield {"type": "response.output_item.done", "output_index": index, "item": item}
