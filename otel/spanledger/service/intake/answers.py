"""Answers as OTLP/HTTP wants them: in the encoding of the request, errors as `google.rpc.Status`."""

from __future__ import annotations

import math

from google.protobuf import json_format
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from starlette.responses import Response

from spanledger.service import problems
from spanledger.service.intake.bodies import Refused
from spanledger.service.intake.translating import Translation

#: The two encodings, by the name that they have in `Content-Type`.
MEDIA = {"application/x-protobuf": "protobuf", "application/json": "json"}
_TYPES = {name: media for media, name in MEDIA.items()}
#: google.rpc.Code by HTTP status.
_CODES = {400: 3, 413: 8, 415: 3, 429: 8, 503: 14}


def taken(translation: Translation, form: str) -> Response:
    """The entries are in the database; what was not taken, and why, is said besides."""
    answer = ExportTraceServiceResponse()
    if translation.rejected:
        answer.partial_success.rejected_spans = translation.rejected.total()
        answer.partial_success.error_message = translation.message
    return _response(200, answer, form)


def refused(why: Refused, form: str | None) -> Response:
    """The request was not taken. One whose encoding is none of the two is answered as any other request is."""
    headers = {} if why.wait is None else {"Retry-After": str(math.ceil(why.wait))}
    if form is None:
        return problems.answer(why.status, why.message, headers)
    answer = _response(why.status, Status(code=_CODES[why.status], message=why.message), form)
    answer.headers.update(headers)
    return answer


def _response(status: int, said: Message, form: str) -> Response:
    if form == "json":
        return Response(json_format.MessageToJson(said, indent=None), status, media_type=_TYPES[form])
    return Response(said.SerializeToString(), status, media_type=_TYPES[form])
