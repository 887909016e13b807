"""Forms with files, as clients upload them."""

from __future__ import annotations

from email.message import Message
from email.parser import BytesParser
from typing import Any

from provider.errors import Json


def read(raw: bytes, content_type: str) -> tuple[Json, dict[str, bytes]]:
    """The fields of a form, and its files by the name of their field; a field that ends in `[]` is a list."""
    whole = BytesParser().parsebytes(b"Content-Type: " + content_type.encode() + b"\r\n\r\n" + raw)
    fields: Json = {}
    files: dict[str, bytes] = {}
    for part in whole.get_payload():
        assert isinstance(part, Message)
        name = str(part.get_param("name", header="content-disposition"))
        content = part.get_payload(decode=True)
        assert isinstance(content, bytes)
        if part.get_filename() is not None:
            files[name] = content
            _put(fields, name, {"filename": part.get_filename(), "bytes": len(content)})
        else:
            _put(fields, name, content.decode())
    return fields, files


def _put(fields: Json, name: str, value: Any) -> None:
    if name.endswith("[]"):
        fields.setdefault(name.removesuffix("[]"), []).append(value)
    else:
        fields[name] = {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value
