"""From the bytes of an OTLP request to its spans, one at a time: what is held besides the body is one span.

A message of some megabytes can be a message of millions of empty parts, which would take a gigabyte as objects. So the
outer messages are walked through here, by the tags of the wire format, and only single spans are decoded.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from google.protobuf import json_format
from google.protobuf.message import DecodeError, Message
from opentelemetry.proto.common.v1.common_pb2 import InstrumentationScope
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from spanledger.service.intake.bodies import Refused

#: Spans of a request, and bytes of one of them.
MOST, LONGEST = 50_000, 1024**2
#: Messages that spans are sent in, and parts of those that are looked at: two and some for each span at most. A body of
#: some kilobytes can unpack to millions that have no span.
GROUPS, PARTS = 2 * MOST, 16 * MOST
#: Field numbers: of a request's ResourceSpans, of what those have, and of what their ScopeSpans have.
_RESOURCE_SPANS, _RESOURCE, _SCOPE_SPANS, _SCOPE, _SPANS = 1, 1, 2, 1, 2
_BYTES = {0: 0, 1: 8, 5: 4}

Part = tuple[int, int]


class Sent(NamedTuple):
    """A span as it was sent: by whom, and by which instrumentation; None where it cannot be decoded."""

    resource: Resource
    scope: InstrumentationScope
    span: Span | None


def of_protobuf(body: bytes) -> Iterator[Sent]:
    """The spans of a request. Raises Refused where it is no such message, or has too many."""
    walk, spans = _Walk(body), _Counted(MOST, "spans")
    for group in walk.parts((0, len(body)), _RESOURCE_SPANS):
        resource = walk.merged(group, _RESOURCE, Resource())
        for scoped in walk.parts(group, _SCOPE_SPANS):
            scope = walk.merged(scoped, _SCOPE, InstrumentationScope())
            for start, end in walk.parts(scoped, _SPANS):
                spans.one()
                yield Sent(resource, scope, _span(body[start:end]))


class _Counted:
    """How many of something a request may still have."""

    def __init__(self, most: int, what: str) -> None:
        self._left = most
        self._why = f"A request may have {most} {what}; send fewer at a time."

    def one(self) -> None:
        """There is one more. Raises Refused where that is too many."""
        if not self._left:
            raise Refused(413, self._why)
        self._left -= 1


def _span(said: bytes) -> Span | None:
    if len(said) > LONGEST:
        return None
    span = Span()
    try:
        span.MergeFromString(said)
    except DecodeError:
        return None
    return span


class _Walk:
    """Through the messages of a body, part by part."""

    def __init__(self, body: bytes) -> None:
        self._body = body
        self._seen = _Counted(PARTS, "parts")

    def merged(self, within: Part, field: int, into: Any) -> Any:
        """A message that is a part of another. If it is there more than once, the parts count together."""
        for start, end in self.parts(within, field):
            if end - start > LONGEST:
                raise Refused(413, f"A resource or scope has more than {LONGEST} bytes.")
            try:
                into.MergeFromString(self._body[start:end])
            except DecodeError:
                raise _no_message() from None
        return into

    def parts(self, within: Part, field: int) -> Iterator[Part]:
        """Where the parts of a message are that have a field number. Raises Refused where it is none."""
        body, (at, end) = self._body, within
        while at < end:
            self._seen.one()
            tag, at = _number(body, at, end)
            if (kind := tag & 7) == 2:
                length, at = _number(body, at, end)
                if at + length > end:
                    raise _no_message()
                if tag >> 3 == field:
                    yield at, at + length
                at += length
            elif kind in _BYTES and tag >> 3:
                at = at + _BYTES[kind] if kind else _number(body, at, end)[1]
            else:
                raise _no_message()
        if at > end:
            raise _no_message()


def _number(body: bytes, at: int, end: int) -> Part:
    """A number of the wire format, and where it ends."""
    found = 0
    for shift in range(0, 70, 7):
        if at >= end:
            break
        byte = body[at]
        at += 1
        found |= (byte & 127) << shift
        if byte < 128:
            return found, at
    raise _no_message()


def _no_message() -> Refused:
    return Refused(400, "The body is no ExportTraceServiceRequest; see Content-Type and Content-Encoding.")


def of_json(body: bytes) -> Iterator[Sent]:
    """The spans of a request in JSON, where ids are hexadecimal. Raises Refused."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Refused(400, f"The body is no JSON: {error}.") from None
    groups, spans = _Counted(GROUPS, "groups of spans"), _Counted(MOST, "spans")
    for group in _list(_object(said), "resourceSpans"):
        groups.one()
        resource = _message(_object(_object(group).get("resource", {})), Resource())
        for scoped in _list(_object(group), "scopeSpans"):
            groups.one()
            scope = _message(_object(_object(scoped).get("scope", {})), InstrumentationScope())
            for one in _list(_object(scoped), "spans"):
                spans.one()
                yield Sent(resource, scope, _span_of(one))


def _span_of(said: Any) -> Span | None:
    try:
        with_ids = {**_object(said), **{key: _id(said[key]) for key in _IDS if said.get(key)}, "links": []}
        return _message(with_ids, Span())  # type: ignore[no-any-return]
    except Refused:
        return None


_IDS = ("traceId", "spanId", "parentSpanId")


def _id(said: Any) -> str:
    """Hexadecimal bytes the way that protobuf has them in JSON. Raises Refused."""
    try:
        return base64.b64encode(binascii.unhexlify(said)).decode()
    except (ValueError, TypeError):
        raise Refused(400, "An id is not hexadecimal.") from None


#: What protobuf raises for JSON that is no such message; SystemError for names with half a character in them.
_UNPARSABLE = (json_format.ParseError, RecursionError, TypeError, ValueError, AttributeError, SystemError)


def _message(said: dict[str, Any], into: Message) -> Any:
    try:
        return json_format.ParseDict(said, into, ignore_unknown_fields=True)
    except _UNPARSABLE:
        raise Refused(400, "The body is no ExportTraceServiceRequest in JSON.") from None


def _object(said: Any) -> dict[str, Any]:
    if not isinstance(said, dict):
        raise Refused(400, "The body is no ExportTraceServiceRequest in JSON: an object is missing.")
    return said


def _list(said: dict[str, Any], key: str) -> list[Any]:
    found = said.get(key)
    if found is None:
        return []
    if not isinstance(found, list):
        raise Refused(400, f"The body is no ExportTraceServiceRequest in JSON: {key} is no list.")
    return found
