"""`/api/export`: the calls of a window to take along, while they are read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import chain
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import StreamingResponse
from pydantic import Field

from spanledger.ledger import exchange
from spanledger.money import NANO
from spanledger.service.access import CallerOf, needs
from spanledger.service.asked import Asked, Question, understood
from spanledger.service.figures import at
from spanledger.service.parts import Parts, Service

router = APIRouter(prefix="/api", tags=["calls"], dependencies=[needs("read")])
_MEDIA: dict[exchange.Format, str] = {
    "jsonl": "application/x-ndjson",
    "csv": "text/csv",
    "parquet": "application/vnd.apache.parquet",
}


class Wanted(Question):
    """Which calls, and as what."""

    format: exchange.Format = Field(
        "csv", description="`csv`, `jsonl` or `parquet`; `spanledger ledger import` reads each."
    )


def _wanted(question: Annotated[Wanted, Query()], caller: CallerOf, service: Parts) -> tuple[Asked, exchange.Format]:
    return understood(question, caller, service.clock()), question.format


_FILE: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "A file, the earliest call first.",
        "content": {media: {"schema": {"type": "string", "format": "binary"}} for media in _MEDIA.values()},
    }
}


@router.get("/export", response_class=StreamingResponse, responses=_FILE)
def export(wanted: Annotated[tuple[Asked, exchange.Format], Depends(_wanted)], service: Parts) -> StreamingResponse:
    """The calls of a window as a file; a tenant's with its filter, as a bill.

    Every call comes once. One that arrives while the file is made is in it if it began later than what was read by
    then; give an `until` that is over for a file that is the same each time.
    """
    asked, format_ = wanted
    parts = _parts(service, asked, format_)
    first = next(parts, b"")  # a database that is down is told before the answer has begun
    name = f"calls-{at(asked.window.since):%Y%m%dT%H%M}-{at(asked.window.until):%Y%m%dT%H%M}.{format_}"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(chain((first,), parts), media_type=_MEDIA[format_], headers=headers)


def _parts(service: Service, asked: Asked, format_: exchange.Format) -> Iterator[bytes]:
    """The file in parts.

    They are asked for by one thread after another, as slowly as somebody reads: nothing here may belong to a thread, or
    be kept from others meanwhile.
    """
    out, window = _Out(), asked.window
    found = exchange.by_pages(service.reading, window.since * NANO, window.until * NANO, asked.only)
    for _ in exchange.portions(found, out, format_):
        yield out.take()
    yield out.take()


class _Out(io.BytesIO):
    """A file of which what was written is taken away. It tells its length as if nothing had been."""

    taken = 0

    def take(self) -> bytes:
        """What was written since."""
        part = self.getvalue()
        self.taken += len(part)
        self.seek(0)
        self.truncate()
        return part

    def tell(self) -> int:
        """Where the next byte goes in the whole file."""
        return self.taken + super().tell()
