"""What else the responses API does: look up, cancel, delete, list inputs, compact, count input tokens."""

from __future__ import annotations

import hashlib

from provider import tokens
from provider.content.prose import prose
from provider.desk import Ask, Desk, Reply
from provider.errors import ApiError, Json
from provider.usage import Tokens
from provider.wire import blocks
from provider.wire.responses import conversation, read, unfinished

_NO_BACKGROUND = "Only responses created with background=true can be cancelled."


def retrieve(desk: Desk, response_id: str, *, stream: bool, after: int) -> Reply:
    """A stored response, or its events from after a sequence number on; it is not billed again."""
    stored = desk.shelf.get(response_id)
    later = [event for event in stored.events if event["sequence_number"] > after]
    if stored.cancelled:
        return Reply(unfinished(stored.final, "cancelled"))
    body = unfinished(stored.final, stored.states.pop(0)) if stored.states and not stream else stored.final
    return Reply(body, events=later if stream else None)


def cancel(desk: Desk, response_id: str) -> Reply:
    """Stop a background response; one that is done stays done."""
    stored = desk.shelf.get(response_id)
    if not stored.final["background"]:
        raise ApiError(400, _NO_BACKGROUND)
    if not stored.states:
        return Reply(stored.final)
    stored.cancelled = True
    return Reply(unfinished(stored.final, "cancelled"))


def delete(desk: Desk, response_id: str) -> Reply:
    """Forget a response."""
    desk.shelf.delete(response_id)
    return Reply({"id": response_id, "object": "response", "deleted": True})


def input_items(desk: Desk, response_id: str) -> Reply:
    """What was said to the model, newest first."""
    stored = desk.shelf.get(response_id)
    items = [_listed(item, response_id, at) for at, item in enumerate(stored.items)][::-1]
    ends = {"first_id": items[0]["id"], "last_id": items[-1]["id"]}
    return Reply({"object": "list", "data": items, "has_more": False, **ends})


def compact(ask: Ask, desk: Desk) -> Reply:
    """The reply to `POST responses/compact`: the user's messages and one opaque item for all the rest."""
    items = conversation(ask.body, desk)
    talk = read(ask.body, items)
    summary = prose(talk.prompt, length=ask.wish.output or 32)
    sealed = hashlib.sha256(summary.encode()).hexdigest()
    usage = Tokens(talk.size, 0, ask.wish.output or tokens.count(summary), 0)
    kept = [_listed(item, ask.id, at) for at, item in enumerate(items) if item.get("role") == "user"]
    body = {
        "id": f"resp_{ask.id}",
        "object": "response.compaction",
        "created_at": ask.created,
        "output": [*kept, {"id": f"cmp_{ask.id}", "type": "compaction", "encrypted_content": sealed}],
        "usage": blocks.response_usage(usage),
    }
    return Reply(body, usage)


def input_tokens(ask: Ask, desk: Desk) -> Reply:
    """The reply to `POST responses/input_tokens`: counted, not billed."""
    talk = read(ask.body, conversation(ask.body, desk))
    return Reply({"object": "response.input_tokens", "input_tokens": talk.size})


def _listed(item: Json, key: str, at: int) -> Json:
    """An input item as the provider gives it back: with an id, a type and parts."""
    shown: Json = {
        "id": f"msg_{key.removeprefix('resp_')}_{at}",
        "type": "message",
        "status": "completed",
    } | item
    if isinstance(shown.get("content"), str):
        shown["content"] = [{"type": "input_text", "text": shown["content"]}]
    return shown
