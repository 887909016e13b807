"""Prompts and answers as the conventions write them, for users who ask for content on spans. Off unless they do.

Both are JSON: a list of messages, each with a role and parts (`text`, `tool_call`, `tool_call_response`, `reasoning`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from spanledger_instrumentation.clients.content import Message, prompted, said, written
from spanledger_instrumentation.clients.shapes import mapping, mappings, text, whole


def asked(body: Mapping[str, Any]) -> dict[str, str]:
    """What was asked, as the attribute of a request."""
    messages = [_message(m) for m in mappings(body.get("messages"))]
    prompt = body.get("input", body.get("prompt"))
    if isinstance(prompt, str):
        messages.append(said("user", prompt))
    else:
        messages += [_item(item) for item in mappings(prompt)]
        messages += [said("user", item) for item in prompt if isinstance(item, str)] if isinstance(prompt, list) else []
    if instructions := text(body.get("instructions")):
        messages.insert(0, said("system", instructions))
    return prompted(messages)


def answered(found: Mapping[str, Any]) -> dict[str, str]:
    """What a plain body answered, as the attribute of a response."""
    messages = []
    for choice in mappings(found.get("choices")):
        told = choice.get("message")
        message = _message(mapping(told)) if told else said("assistant", text(choice.get("text")) or "")
        messages.append(message | {"finish_reason": choice.get("finish_reason") or "error"})
    messages += [_item(item) for item in mappings(found.get("output"))]
    return written(messages)


def streamed(chunks: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """The answers that the chunks of a chat stream add up to, choice by choice."""
    texts: dict[int, list[str]] = {}
    reasons: dict[int, str] = {}
    tools: dict[tuple[int, int], dict[str, Any]] = {}
    for chunk in chunks:
        for choice in mappings(chunk.get("choices")):
            at = whole(choice.get("index"))
            delta = mapping(choice.get("delta"))
            texts.setdefault(at, []).append(text(delta.get("content")) or text(choice.get("text")) or "")
            reasons[at] = text(choice.get("finish_reason")) or reasons.get(at, "error")
            for call in mappings(delta.get("tool_calls")):
                _add_tool(tools.setdefault((at, whole(call.get("index"))), {"arguments": ""}), call)
    messages = []
    for at, pieces in sorted(texts.items()):
        parts = [{"type": "text", "content": "".join(pieces)}] if any(pieces) else []
        parts += [{"type": "tool_call", **tool} for (whose, _), tool in sorted(tools.items()) if whose == at]
        messages.append({"role": "assistant", "parts": parts, "finish_reason": reasons[at]})
    return written(messages)


def _add_tool(tool: dict[str, Any], call: Mapping[str, Any]) -> None:
    function = mapping(call.get("function"))
    named = {"id": text(call.get("id")), "name": text(function.get("name"))}
    tool.update({key: value for key, value in named.items() if value})
    tool["arguments"] += text(function.get("arguments")) or ""


def _message(message: Mapping[str, Any]) -> Message:
    """A message of a chat request or response."""
    role = text(message.get("role")) or "assistant"
    content = message.get("content")
    if role == "tool":
        return {
            "role": role,
            "parts": [{"type": "tool_call_response", "id": message.get("tool_call_id"), "response": content}],
        }
    parts = [_part(p) for p in mappings(content)]
    if isinstance(content, str):
        parts = [{"type": "text", "content": content}]
    for call in mappings(message.get("tool_calls")):
        function = mapping(call.get("function"))
        parts.append(
            {
                "type": "tool_call",
                "id": call.get("id"),
                "name": function.get("name"),
                "arguments": function.get("arguments"),
            }
        )
    return {"role": role, "parts": parts}


def _part(part: Mapping[str, Any]) -> dict[str, Any]:
    """A part of a message; of images and files only that there was one."""
    if (content := part.get("text")) is not None:
        return {"type": "text", "content": content}
    return {"type": text(part.get("type")) or "unknown"}


def _item(item: Mapping[str, Any]) -> Message:
    """An item of the Responses API, asked or answered."""
    kind = item.get("type")
    part: dict[str, Any]
    if kind == "function_call":
        part = {
            "type": "tool_call",
            "id": item.get("call_id"),
            "name": item.get("name"),
            "arguments": item.get("arguments"),
        }
        return {"role": "assistant", "parts": [part]}
    if kind == "function_call_output":
        part = {"type": "tool_call_response", "id": item.get("call_id"), "response": item.get("output")}
        return {"role": "tool", "parts": [part]}
    if kind == "reasoning":
        return {
            "role": "assistant",
            "parts": [{"type": "reasoning", "content": s.get("text")} for s in mappings(item.get("summary"))],
        }
    return _message(item)
