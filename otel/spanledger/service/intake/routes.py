"""`POST /v1/traces`, as OTLP/HTTP has it.

Metrics and logs have no address here: the ledger asks for neither, and a 404 says so, where an empty success would let
their sender believe that they are kept.
"""

from __future__ import annotations

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from spanledger.ledger.database import Sink
from spanledger.ledger.retention import Keep
from spanledger.service.access import CallerOf, needs
from spanledger.service.intake import answers, bodies, wire
from spanledger.service.intake.bodies import LARGEST, Refused, Room
from spanledger.service.intake.desk import Desk
from spanledger.service.intake.earlier import Earlier
from spanledger.service.intake.translating import Translator
from spanledger.service.parts import Service

_READERS = {"protobuf": wire.of_protobuf, "json": wire.of_json}


def desk(service: Service) -> Desk:
    """What takes spans for the ledger of a service."""

    def parts() -> tuple[Translator, Sink]:
        keep = Keep.of(dict(service.settings.retention or ()))
        return Translator(service.book, Earlier(service.reading), service.clock), Sink(service.engine, keep)

    return Desk(parts)


def router(taking: Desk) -> APIRouter:
    """The way in."""
    made = APIRouter(tags=["telemetry"], dependencies=[needs("write")])
    room = Room()

    @made.post("/v1/traces", include_in_schema=False)  # described by OTLP, whose errors are none of the API's
    async def traces(request: Request, caller: CallerOf) -> Response:
        """Takes an `ExportTraceServiceRequest`. 200: what it tells of calls is in the ledger's database."""
        form = answers.MEDIA.get(request.headers.get("content-type", "").partition(";")[0].strip().lower())
        chunks = request.stream()
        try:
            encoding = _encoding(request, form)
            body = await bodies.read(chunks, encoding, LARGEST[form or ""], room)
            try:
                translation = await asyncio.wrap_future(taking.put(bytes(body), _READERS[form or ""], caller.tenant))
            finally:
                room.give(len(body))
        except Refused as why:
            await bodies.drain(chunks)
            return answers.refused(why, form)
        return answers.taken(translation, form or "")

    return made


def _encoding(request: Request, form: str | None) -> str:
    """How the body is packed. Raises Refused where it cannot be read."""
    if form is None:
        raise Refused(415, "Send spans as application/x-protobuf or application/json, as Content-Type says.")
    encoding = request.headers.get("content-encoding", "").strip().lower()
    if encoding not in bodies.ENCODINGS:
        raise Refused(415, "Content-Encoding can be gzip or deflate, or left out.")
    return encoding
