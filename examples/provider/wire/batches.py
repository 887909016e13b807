"""Batches of the files API: the requests in an uploaded file, their results in another."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from provider import models, wishes
from provider.desk import Ask, Desk, File, Job, Reply
from provider.errors import ApiError, Json
from provider.usage import Tokens
from provider.wire import chat, completions, embeddings, files, responses

_ENDPOINTS: dict[str, Callable[[Ask, Desk], Reply]] = {
    "/v1/chat/completions": chat.answer,
    "/v1/completions": completions.answer,
    "/v1/embeddings": embeddings.answer,
    "/v1/responses": responses.answer,
}


def create(ask: Ask, desk: Desk) -> Reply:
    """The reply to `POST batches`. All is billed at once, under one model, whichever the requests name."""
    lines = files.kept(desk, str(ask.body["input_file_id"])).lines
    made = [_result(ask, desk, line, f"{ask.id}{at:04x}") for at, line in enumerate(lines)]
    job = Job(f"batch_{ask.id}", ask.created, str(ask.body["endpoint"]), str(ask.body["input_file_id"]))
    job.output = _file(desk, job, "output", [line for line, usage in made if usage is not None])
    job.errors = _file(desk, job, "error", [line for line, usage in made if usage is None])
    job.count = len(made)
    desk.jobs[job.id] = job
    return Reply(_shown(job, "validating"), sum((usage for _, usage in made if usage is not None), Tokens()))


def retrieve(desk: Desk, job_id: str) -> Reply:
    """The reply to `GET batches/ID`: done when looked at."""
    job = _kept(desk, job_id)
    return Reply(_shown(job, "cancelled" if job.cancelled else "completed"))


def cancel(desk: Desk, job_id: str) -> Reply:
    """The reply to `POST batches/ID/cancel`: it has not begun yet, so nothing comes of it."""
    job = _kept(desk, job_id)
    job.cancelled, job.output, job.errors = True, None, None
    return Reply(_shown(job, "cancelled"))


def _kept(desk: Desk, job_id: str) -> Job:
    if job_id not in desk.jobs:
        raise ApiError(404, f"No batch found with id '{job_id}'.")
    return desk.jobs[job_id]


def _result(ask: Ask, desk: Desk, line: Json, request_id: str) -> tuple[Json, Tokens | None]:
    """A line of the output, with what it is billed; None for one of the errors."""
    body: Json = line["body"]
    wish = wishes.read("\n".join(wishes.texts(body)))
    head = {"id": f"batch_req_{request_id}", "custom_id": line["custom_id"]}
    if wish.fault is not None:
        refused = ApiError(400, "the request asked for it")
        return {**head, "response": {"status_code": 400, "body": refused.body}, "error": None}, None
    one = replace(ask, body=body, model=models.named(str(body["model"])), wish=wish, id=request_id)
    reply = _ENDPOINTS[line["url"]](one, desk)
    answered = {"status_code": 200, "request_id": f"req_{request_id}", "body": reply.body}
    return {**head, "response": answered, "error": None}, reply.usage or Tokens()


def _file(desk: Desk, job: Job, kind: str, lines: list[Json]) -> str | None:
    if not lines:
        return None
    file = File(f"file-{kind}-{job.id}", job.created, "batch_output", 0, lines)
    desk.files[file.id] = file
    return file.id


def _shown(job: Job, status: str) -> Json:
    done = status == "completed"
    return {
        "id": job.id,
        "object": "batch",
        "endpoint": job.endpoint,
        "input_file_id": job.input,
        "completion_window": "24h",
        "status": status,
        "created_at": job.created,
        "output_file_id": job.output if done else None,
        "error_file_id": job.errors if done else None,
        "request_counts": {"total": job.count, "completed": job.count if done else 0, "failed": 0},
    }
