"""Anthropic's prompts and answers as the conventions write them, for users who ask for content on spans."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

from spanledger_instrumentation.clients.content import Message, prompted, written
from spanledger_instrumentation.clients.shapes import mapping, mappings, text, whole


def asked(body: Mapping[str, Any]) -> dict[str, str]:
    """What was asked, as the attribute of a request."""
    messages = [_message(m) for m in mappings(body.get("messages"))]
    if system := _parts(body.get("system")):
        messages.insert(0, {"role": "system", "parts": system})
    return prompted(messages)


def answered(found: Mapping[str, Any], reason: str) -> dict[str, str]:
    """What a message answered, as the attribute of a response."""
    parts = _parts(found.get("content"))
    return written([{"role": "assistant", "parts": parts, "finish_reason": reason}]) if parts else {}


def streamed(events: Iterable[Mapping[str, Any]], reason: str) -> dict[str, str]:
    """The message that the events of its content blocks add up to."""
    blocks: dict[int, dict[str, Any]] = {}
    for event in events:
        block = blocks.setdefault(whole(event.get("index")), {})
        block.update(mapping(event.get("content_block")))
        delta = mapping(event.get("delta"))
        for key in ("text", "thinking", "partial_json"):
            if piece := text(delta.get(key)):
                block[key] = str(block.get(key) or "") + piece
    return answered({"content": [_whole_tool(block) for _, block in sorted(blocks.items())]}, reason)


def _whole_tool(block: dict[str, Any]) -> dict[str, Any]:
    """A block as a plain answer has it: the arguments of a tool come in pieces of JSON."""
    if (arguments := block.pop("partial_json", None)) is not None:
        try:
            block["input"] = json.loads(arguments)
        except ValueError:
            block["input"] = arguments
    return block


def _message(message: Mapping[str, Any]) -> Message:
    parts = _parts(message.get("content"))
    results = bool(parts) and all(part["type"] == "tool_call_response" for part in parts)
    return {"role": "tool" if results else text(message.get("role")) or "user", "parts": parts}


def _parts(content: object) -> list[dict[str, Any]]:
    if isinstance(content, str):
        return [{"type": "text", "content": content}]
    return [_part(block) for block in mappings(content)]


def _part(block: Mapping[str, Any]) -> dict[str, Any]:
    """A content block as a part; of images, documents and what the server's tools found only that there was one."""
    kind = text(block.get("type")) or "unknown"
    if kind == "text":
        return {"type": "text", "content": block.get("text")}
    if kind == "thinking":
        return {"type": "reasoning", "content": block.get("thinking")}
    if kind in ("tool_use", "server_tool_use", "mcp_tool_use"):
        return {"type": "tool_call", "id": block.get("id"), "name": block.get("name"), "arguments": block.get("input")}
    if kind == "tool_result":
        response = block.get("content")
        said = response if isinstance(response, str) else _parts(response)
        return {"type": "tool_call_response", "id": block.get("tool_use_id"), "response": said}
    return {"type": kind}
