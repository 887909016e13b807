"""Chat completions: the request read, the answer as one piece."""

from __future__ import annotations

import json
from typing import Any

from provider.content.compose import Said, compose
from provider.content.talk import Talk, Tool, Turn, image
from provider.desk import Ask, Desk, Reply
from provider.errors import ApiError, Json
from provider.usage import Tokens
from provider.wire import blocks
from provider.wire.chat_stream import events

_OLD_CAP = "Unsupported parameter: 'max_tokens' is not supported with this model. Use 'max_completion_tokens' instead."
_EMPTY = "Invalid 'messages': empty array. Expected an array with minimum length 1, but got an empty array instead."
_NO_JSON = "'messages' must contain the word 'json' in some form, to use 'response_format' of type 'json_object'."
_NO_STREAM = "The 'stream_options' parameter is only allowed when 'stream' is enabled."


def answer(ask: Ask, desk: Desk) -> Reply:
    """The reply to `POST chat/completions`."""
    body = ask.body
    talk = read(body)
    _check(ask, talk)
    effort = body.get("reasoning_effort")
    said = [compose(talk, ask.model, effort, ask.wish, f"{ask.id}#{index}") for index in range(body.get("n") or 1)]
    usage = desk.meter(ask, talk, said)
    return Reply(
        body=_whole(ask, said, usage),
        usage=usage,
        events=events(ask, said, usage) if body.get("stream") else None,
        closing=True,
    )


def read(body: Json) -> Talk:
    """What the request says."""
    form = body.get("response_format") or {}
    schema = (form.get("json_schema") or {}).get("schema") if form.get("type") == "json_schema" else None
    messages = _messages(body)
    tools = body.get("tools") or []
    return Talk(
        turns=tuple(_turn(message) for message in messages),
        tools=tuple(_tool(tool["function"]) for tool in tools if tool.get("type") == "function"),
        choice=_choice(body.get("tool_choice")),
        parallel=body.get("parallel_tool_calls") is not False,
        schema=schema,
        json_object=form.get("type") == "json_object",
        cap=body.get("max_completion_tokens") or body.get("max_tokens"),
        stop=stops(body.get("stop")),
        images=sum(_images(message) for message in messages),
        extra=" ".join(json.dumps(part) for part in (tools, form.get("json_schema")) if part),
    )


def stops(given: str | list[str] | None) -> tuple[str, ...]:
    """The `stop` parameter: a text, several, or none."""
    return (given,) if isinstance(given, str) else tuple(given or ())


def _messages(body: Json) -> list[Json]:
    messages = body.get("messages")
    if messages is None:
        raise ApiError(
            400,
            "Missing required parameter: 'messages'.",
            param="messages",
            code="missing_required_parameter",
        )
    if not isinstance(messages, list) or not messages:
        raise ApiError(400, _EMPTY, param="messages", code="empty_array")
    return messages


def _turn(message: Json) -> Turn:
    calls = [call["function"] for call in message.get("tool_calls") or [] if "function" in call]
    parts = [_content(message.get("content")), *(f"{call['name']} {call['arguments']}" for call in calls)]
    return Turn(
        role=str(message.get("role", "user")),
        text=" ".join(part for part in parts if part),
        calls=tuple(call["name"] for call in calls),
    )


def _content(content: Any) -> str:
    if isinstance(content, list):
        return " ".join(str(part.get("text") or part.get("refusal") or "") for part in content)
    return str(content or "")


def _images(message: Json) -> int:
    content = message.get("content")
    parts = content if isinstance(content, list) else []
    return sum(image(part["image_url"].get("detail")) for part in parts if part.get("type") == "image_url")


def _tool(function: Json) -> Tool:
    return Tool(function["name"], function.get("description") or "", function.get("parameters") or {"type": "object"})


def _choice(given: Any) -> str:
    if isinstance(given, dict):
        if given.get("type") == "allowed_tools":
            return str(given["allowed_tools"].get("mode", "auto"))
        return str((given.get("function") or given).get("name", "auto"))
    return str(given or "auto")


def _check(ask: Ask, talk: Talk) -> None:
    if ask.body.get("stream_options") and not ask.body.get("stream"):
        raise ApiError(400, _NO_STREAM, param="stream_options")
    if ask.model.thinks and ask.body.get("max_tokens") is not None:
        raise ApiError(400, _OLD_CAP, param="max_tokens", code="unsupported_parameter")
    if talk.json_object and "json" not in talk.text.lower():
        raise ApiError(400, _NO_JSON, param="messages")


def _whole(ask: Ask, said: list[Said], usage: Tokens) -> Json:
    whole: Json = {
        "id": f"chatcmpl-{ask.id}",
        "object": "chat.completion",
        "created": ask.created,
        "model": ask.model.dated,
        "choices": [_full_choice(ask, index, one) for index, one in enumerate(said)],
        "usage": blocks.chat_usage(usage),
        "service_tier": blocks.service_tier(ask),
        "system_fingerprint": blocks.fingerprint(ask),
    }
    return whole | ({"prompt_filter_results": blocks.PROMPT_FILTERED} if ask.azure else {})


def _full_choice(ask: Ask, index: int, said: Said) -> Json:
    message: Json = {"role": "assistant", "content": said.text, "refusal": None, "annotations": []}
    if said.calls:
        calls = [
            {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in said.calls
        ]
        message |= {"content": None, "tool_calls": calls}
    choice: Json = {"index": index, "message": message, "logprobs": None, "finish_reason": said.finish}
    return choice | ({"content_filter_results": blocks.FILTERED} if ask.azure else {})
