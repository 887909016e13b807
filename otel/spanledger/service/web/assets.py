"""The files that pages load: few, small, named by what is in them so that browsers keep them."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter, Response

from spanledger.service.problems import Problem

_FOLDER = Path(__file__).with_name("static")
_MEDIA = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
_KEEP = {"Cache-Control": "public, max-age=31536000, immutable"}
router = APIRouter(include_in_schema=False)


class Asset(NamedTuple):
    """A file: its bytes, what they are, and where a page finds them."""

    body: bytes
    media: str
    address: str


@cache
def assets() -> dict[str, Asset]:
    """All files by name."""
    files = sorted(path for path in _FOLDER.rglob("*") if path.suffix in _MEDIA)
    return {path.name: _asset(path) for path in files}


def _asset(path: Path) -> Asset:
    body = path.read_bytes()
    return Asset(body, _MEDIA[path.suffix], f"/static/{sha256(body).hexdigest()[:12]}/{path.name}")


@router.get("/static/{digest}/{name}")
async def asset(digest: str, name: str) -> Response:
    """A file. An address of an earlier version is none any more."""
    found = assets().get(name)
    if found is None or found.address != f"/static/{digest}/{name}":
        raise Problem(404, "There is no such file; load the page again.")
    return Response(found.body, media_type=found.media, headers=_KEEP)
