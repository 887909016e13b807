"""Anthropic's Messages API: the request read, the answer as one piece."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from provider.content.compose import Said, compose
from provider.content.talk import Talk, Tool, Turn, image
from provider.desk import Ask, Desk, Reply
from provider.errors import ApiError, Json
from provider.usage import Tokens
from provider.wire.message_stream import events

_THOUGHT = 64
_FINISH = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use"}


def answer(ask: Ask, desk: Desk) -> Reply:
    """The reply to `POST v1/messages`."""
    talk = read(ask.body)
    said = compose(talk, ask.model, None, _thinking(ask), ask.id)
    usage = _meter(ask, talk, said, desk)
    message = _whole(ask, said, usage)
    return Reply(message, usage, events(message) if ask.body.get("stream") else None)


def count_tokens(ask: Ask, desk: Desk) -> Reply:  # noqa: ARG001 - every endpoint gets it
    """The reply to `POST v1/messages/count_tokens`: free."""
    size = read(ask.body | {"max_tokens": 1}).size
    return Reply({"input_tokens": size if ask.wish.input is None else ask.wish.input})


def read(body: Json) -> Talk:
    """What the request says."""
    messages = body.get("messages")
    if not isinstance(messages, list) or not messages:
        raise ApiError(400, "messages: at least one message is required")
    if not isinstance(body.get("max_tokens"), int):
        raise ApiError(400, "max_tokens: Field required")
    form = (body.get("output_config") or {}).get("format") or body.get("output_format") or {}
    tools = body.get("tools") or []
    system = [Turn("system", _text(body["system"]))] if body.get("system") else []
    return Talk(
        turns=(*system, *(turn for message in messages for turn in _turns(message))),
        tools=tuple(
            Tool(t["name"], t.get("description") or "", t["input_schema"]) for t in tools if "input_schema" in t
        ),
        choice=_choice(body.get("tool_choice") or {}),
        parallel=not (body.get("tool_choice") or {}).get("disable_parallel_tool_use"),
        schema=form.get("schema"),
        cap=body["max_tokens"],
        stop=tuple(body.get("stop_sequences") or ()),
        images=sum(image(None) for message in messages for part in _parts(message) if part.get("type") == "image"),
        extra=" ".join(json.dumps(part) for part in (tools, form) if part),
    )


def _turns(message: Json) -> list[Turn]:
    """A message of the user may hold results of tools besides what the user says."""
    parts = _parts(message)
    found = [Turn("tool", _text(part.get("content"))) for part in parts if part.get("type") == "tool_result"]
    calls = tuple(str(part["name"]) for part in parts if part.get("type") == "tool_use")
    asked = [f"{part['name']} {json.dumps(part['input'])}" for part in parts if part.get("type") == "tool_use"]
    text = " ".join([_text(parts), *asked]).strip()
    return [*found, Turn(str(message.get("role", "user")), text, calls)] if text or not found else found


def _parts(message: Json) -> list[Json]:
    content = message.get("content")
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content or ())


def _text(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text") or "") for part in content)
    return str(content or "")


def _choice(given: Json) -> str:
    return {"any": "required", "tool": str(given.get("name")), "none": "none"}.get(str(given.get("type")), "auto")


def _thinking(ask: Ask) -> Any:
    """The wish, with the thoughts of a model that was told to think."""
    thinks = (ask.body.get("thinking") or {}).get("type") in ("enabled", "adaptive")
    return replace(ask.wish, reasoning=_THOUGHT) if thinks and ask.wish.reasoning is None else ask.wish


def _meter(ask: Ask, talk: Talk, said: Said, desk: Desk) -> Tokens:
    """The tokens: counted, or as the request wished. Only what a request marks goes through the cache."""
    wish, marks = ask.wish, json.dumps(ask.body)
    size = talk.size if wish.input is None else wish.input
    known = desk.cache.read(f"{ask.account}:{ask.model.asked}", talk.flat) if '"cache_control"' in marks else None
    cached = (known or 0) if wish.cached is None else wish.cached
    fresh = size - cached if known is not None and size >= 1024 else 0
    written = fresh if wish.cache_write is None else wish.cache_write
    long = (written if '"ttl": "1h"' in marks else 0) if wish.cache_write_long is None else wish.cache_write_long
    return Tokens(size, min(cached, size), said.tokens, said.reasoning, written, long)


def _whole(ask: Ask, said: Said, usage: Tokens) -> Json:
    content: list[Json] = []
    if said.reasoning:
        content.append({"type": "thinking", "thinking": "Let me think about that.", "signature": f"sig_{ask.id}"})
    if said.text:
        content.append({"type": "text", "text": said.text})
    content += [
        {"type": "tool_use", "id": f"toolu_{call.id}", "name": call.name, "input": _arguments(call.arguments)}
        for call in said.calls
    ]
    return {
        "id": f"msg_{ask.id}",
        "type": "message",
        "role": "assistant",
        "model": ask.model.dated,
        "content": content,
        "stop_reason": "tool_use" if said.calls and said.finish == "stop" else _FINISH[said.finish],
        "stop_sequence": None,
        "usage": usage_block(usage, ask.wish.searches),
    }


def _arguments(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:  # cut at the cap
        return {}


def usage_block(tokens: Tokens, searches: int | None = None, tier: str = "standard") -> Json:
    """The usage block: its input counts what came from no cache and went into none."""
    block: Json = {
        "input_tokens": tokens.input - tokens.cached - tokens.cache_write,
        "cache_creation_input_tokens": tokens.cache_write,
        "cache_read_input_tokens": tokens.cached,
        "cache_creation": {
            "ephemeral_5m_input_tokens": tokens.cache_write - tokens.cache_write_long,
            "ephemeral_1h_input_tokens": tokens.cache_write_long,
        },
        "output_tokens": tokens.output,
        "output_tokens_details": {"thinking_tokens": tokens.reasoning},
        "service_tier": tier,
    }
    return block | ({"server_tool_use": {"web_search_requests": searches}} if searches else {})
