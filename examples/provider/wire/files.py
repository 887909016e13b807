"""Files: uploaded, shown, and read again. Only files of JSON lines are kept for what is in them."""

from __future__ import annotations

import json

from provider.desk import Ask, Desk, File, Reply
from provider.errors import ApiError, Json
from provider.framing import LINES


def create(ask: Ask, desk: Desk) -> Reply:
    """The reply to `POST files`."""
    raw = ask.files.get("file")
    if raw is None:
        raise ApiError(400, "'file' is a required property", param="file")
    purpose = str(ask.body["purpose"])
    lines = [json.loads(line) for line in raw.splitlines() if line.strip()] if purpose == "batch" else []
    file = File(f"file-{ask.id}", ask.created, purpose, len(raw), lines)
    desk.files[file.id] = file
    return Reply(shown(file))


def retrieve(desk: Desk, file_id: str) -> Reply:
    """The reply to `GET files/ID`."""
    return Reply(shown(kept(desk, file_id)))


def content(desk: Desk, file_id: str) -> Reply:
    """The reply to `GET files/ID/content`."""
    file = kept(desk, file_id)
    return Reply({"id": file.id}, None, file.lines, LINES)


def kept(desk: Desk, file_id: str) -> File:
    """The file of that id.

    Raises:
        ApiError: 404, there is none.
    """
    if file_id not in desk.files:
        raise ApiError(404, f"No such File object: {file_id}")
    return desk.files[file_id]


def shown(file: File) -> Json:
    """A file as the API shows it."""
    head = {"id": file.id, "object": "file", "bytes": file.size, "created_at": file.created}
    return {**head, "filename": "upload", "purpose": file.purpose, "status": "processed"}
