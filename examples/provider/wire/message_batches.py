"""Anthropic's message batches: many requests at once, their results as a file of JSON lines."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

from provider import models, wishes
from provider.desk import Ask, Batch, Desk, Reply
from provider.errors import ApiError, Json
from provider.framing import LINES
from provider.usage import Tokens
from provider.wire import messages

_FAILED: Json = {"type": "error", "error": {"type": "invalid_request_error", "message": "the request asked for it"}}


def create(ask: Ask, desk: Desk) -> Reply:
    """The reply to `POST v1/messages/batches`. The bill names the model of the first request for all of them."""
    requests = ask.body.get("requests")
    if not isinstance(requests, list) or not requests:
        raise ApiError(400, "requests: at least one request is required")
    made = [_result(ask, desk, request, f"{ask.id}{at:04x}") for at, request in enumerate(requests)]
    batch = Batch(f"msgbatch_{ask.id}", ask.created, [result for result, _ in made])
    desk.batches[batch.id] = batch
    return Reply(_shown(batch), sum((usage for _, usage in made), Tokens()))


def retrieve(desk: Desk, batch_id: str) -> Reply:
    """The reply to `GET v1/messages/batches/ID`: done when looked at."""
    batch = _batch(desk, batch_id)
    batch.done = True
    return Reply(_shown(batch))


def results(desk: Desk, batch_id: str) -> Reply:
    """The reply to `GET v1/messages/batches/ID/results`."""
    batch = _batch(desk, batch_id)
    return Reply({"id": batch.id}, None, batch.results, LINES)


def _batch(desk: Desk, batch_id: str) -> Batch:
    if batch_id not in desk.batches:
        raise ApiError(404, f"no batch {batch_id}")
    return desk.batches[batch_id]


def _result(ask: Ask, desk: Desk, request: Json, request_id: str) -> tuple[Json, Tokens]:
    params: Json = request["params"]
    wish = wishes.read("\n".join(wishes.texts(params)))
    if wish.fault is not None:
        return {"custom_id": request["custom_id"], "result": {"type": "errored", "error": _FAILED}}, Tokens()
    one = replace(ask, body=params, model=models.named(str(params["model"])), wish=wish, id=request_id)
    reply = messages.answer(one, desk)
    usage = reply.usage or Tokens()
    message = reply.body | {"usage": messages.usage_block(usage, wish.searches, tier="batch")}
    return {"custom_id": request["custom_id"], "result": {"type": "succeeded", "message": message}}, usage


def _shown(batch: Batch) -> Json:
    created = datetime.fromtimestamp(batch.created, UTC).isoformat()
    counts = dict.fromkeys(("processing", "succeeded", "errored", "canceled", "expired"), 0)
    for result in batch.results:
        counts[result["result"]["type"] if batch.done else "processing"] += 1
    return {
        "id": batch.id,
        "type": "message_batch",
        "processing_status": "ended" if batch.done else "in_progress",
        "request_counts": counts,
        "created_at": created,
        "expires_at": created,
        "ended_at": created if batch.done else None,
        "archived_at": None,
        "cancel_initiated_at": None,
        "results_url": f"/v1/messages/batches/{batch.id}/results" if batch.done else None,
    }
