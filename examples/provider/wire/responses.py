"""The responses API: a request read, its answer whole, in the background, cut short, or as a stream."""

from __future__ import annotations

import json
from typing import Any

from provider.content.compose import Said, compose
from provider.content.talk import Talk, Tool
from provider.desk import Ask, Desk, Reply
from provider.errors import ApiError, Json
from provider.shelf import Stored
from provider.usage import Tokens
from provider.wire import blocks
from provider.wire.response_events import events
from provider.wire.response_items import given_items, output_items, pictures, turn


def answer(ask: Ask, desk: Desk) -> Reply:
    """The reply to `POST responses`."""
    body = ask.body
    items = conversation(body, desk)
    if not items:
        raise ApiError(400, "Missing required parameter: 'input'.", param="input", code="missing_required_parameter")
    talk = read(body, items)
    said = compose(talk, ask.model, (body.get("reasoning") or {}).get("effort"), ask.wish, f"{ask.id}#0")
    usage = desk.meter(ask, talk, [said])
    final = whole(ask, said, usage)
    background = body.get("background") is True
    steps = list(events(final, said, background=background))
    if body.get("store") is not False:
        states = ["in_progress"] if background and not body.get("stream") else []
        desk.shelf.put(Stored(final, steps, items, states))
    first = unfinished(final, "queued") if background else final
    return Reply(body=first, usage=usage, events=steps if body.get("stream") else None)


def conversation(body: Json, desk: Desk) -> list[Json]:
    """The items of the request, after those of the response it continues."""
    given = given_items(body.get("input"))
    previous = body.get("previous_response_id")
    if previous is None:
        return given
    stored = desk.shelf.get(previous)
    return [*stored.items, *stored.final["output"], *given]


def read(body: Json, items: list[Json]) -> Talk:
    """What the request says: instructions first, then the items."""
    form = (body.get("text") or {}).get("format") or {}
    tools = body.get("tools") or []
    spoken = [item for item in items if item]
    if body.get("instructions"):
        spoken = [{"role": "system", "content": body["instructions"]}, *spoken]
    return Talk(
        turns=tuple(turn(item) for item in spoken),
        tools=tuple(_tool(tool) for tool in tools if tool.get("type") == "function"),
        choice=_choice(body.get("tool_choice")),
        parallel=body.get("parallel_tool_calls") is not False,
        schema=form.get("schema") if form.get("type") == "json_schema" else None,
        json_object=form.get("type") == "json_object",
        cap=body.get("max_output_tokens"),
        images=sum(pictures(item) for item in spoken),
        extra=" ".join(json.dumps(part) for part in (tools, form.get("schema")) if part),
    )


def whole(ask: Ask, said: Said, usage: Tokens) -> Json:
    """The finished response."""
    body = ask.body
    cut = said.finish == "length"
    return {
        "id": f"resp_{ask.id}",
        "object": "response",
        "created_at": ask.created,
        "status": "incomplete" if cut else "completed",
        "background": body.get("background") is True,
        "completed_at": None if cut else ask.created,
        "error": None,
        "incomplete_details": {"reason": "max_output_tokens"} if cut else None,
        **_echo(body),
        "model": ask.model.dated,
        "output": output_items(said, ask.id, thinks=ask.model.thinks),
        "service_tier": blocks.service_tier(ask),
        "usage": blocks.response_usage(usage),
    }


def unfinished(final: Json, status: str) -> Json:
    """The same response before it is done: no output, no usage."""
    changed: Json = {
        "status": status,
        "output": [],
        "usage": None,
        "incomplete_details": None,
        "completed_at": None,
    }
    return final | changed


def _echo(body: Json) -> Json:
    """The parameters of the request that the response repeats."""
    reasoning, text = body.get("reasoning") or {}, body.get("text") or {}
    defaults: Json = {
        "instructions": None,
        "max_output_tokens": None,
        "max_tool_calls": None,
        "metadata": {},
        "parallel_tool_calls": True,
        "previous_response_id": None,
        "prompt_cache_key": None,
        "safety_identifier": None,
        "store": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_logprobs": 0,
        "top_p": 1.0,
        "truncation": "disabled",
        "user": None,
    }
    echoed = {name: body[name] if body.get(name) is not None else value for name, value in defaults.items()}
    return echoed | {
        "reasoning": {"effort": reasoning.get("effort"), "summary": reasoning.get("summary")},
        "text": {"format": {"type": "text"}, "verbosity": "medium"} | text,
    }


def _tool(tool: Json) -> Tool:
    return Tool(tool["name"], tool.get("description") or "", tool.get("parameters") or {"type": "object"})


def _choice(given: Any) -> str:
    if isinstance(given, dict):
        return str(given.get("name") or given.get("mode") or "auto")
    return str(given or "auto")
