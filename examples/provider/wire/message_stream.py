"""A message as a stream, event by event as Anthropic sends them."""

from __future__ import annotations

import json
from collections.abc import Iterator

from provider import tokens
from provider.errors import Json

#: What `message_start` counts as output: the model has just begun.
_BEGUN = 2


def events(message: Json) -> Iterator[Json]:
    """The events: the input is told at the start, the output at the end, cumulative both."""
    usage = message["usage"]
    begun = {k: v for k, v in usage.items() if k not in ("output_tokens_details", "server_tool_use")}
    opening = message | {"content": [], "stop_reason": None, "usage": begun | {"output_tokens": _BEGUN}}
    yield {"type": "message_start", "message": opening}
    for index, block in enumerate(message["content"]):
        empty, deltas = _pieces(block)
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        if index == 0:
            yield {"type": "ping"}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    told = {k: v for k, v in usage.items() if k not in ("cache_creation", "service_tier")}
    ending = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield {"type": "message_delta", "delta": ending, "usage": told}
    yield {"type": "message_stop"}


def _pieces(block: Json) -> tuple[Json, list[Json]]:
    """A content block as it opens, and what is added to it bit by bit."""
    if block["type"] == "tool_use":
        arguments = tokens.pieces(json.dumps(block["input"]))
        return block | {"input": {}}, [{"type": "input_json_delta", "partial_json": piece} for piece in arguments]
    if block["type"] == "thinking":
        thoughts = [{"type": "thinking_delta", "thinking": piece} for piece in tokens.pieces(block["thinking"])]
        signed = {"type": "signature_delta", "signature": block["signature"]}
        return block | {"thinking": "", "signature": ""}, [*thoughts, signed]
    return block | {"text": ""}, [{"type": "text_delta", "text": piece} for piece in tokens.pieces(block["text"])]
