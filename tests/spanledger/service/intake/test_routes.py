"""`POST /v1/traces` as a client of OTLP/HTTP sees it."""

from __future__ import annotations

import asyncio
import gzip
import json
import random
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi.testclient import TestClient
from google.rpc.status_pb2 import Status
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceResponse
from sqlalchemy import Engine, func, select, text
from tests.support.foreign import CHAT
from tests.support.sending import GZIP, JSON, PROTOBUF, as_json, body, packed, request, span
from tests.support.serving import problem, tokens
from tests.support.waiting import until

from spanledger.budget.memory import MemoryStore
from spanledger.config import Settings
from spanledger.ledger import schema
from spanledger.semconv import names
from spanledger.service.app import create
from spanledger.service.books import Books
from spanledger.service.intake import wire
from spanledger.service.intake.bodies import LARGEST, MIB
from spanledger.service.intake.wire import MOST

PATH = "/v1/traces"


def ids(engine: Engine) -> set[str]:
    with engine.connect() as connection:
        return set(connection.scalars(select(schema.calls.c.id)))


def status(answer: httpx2.Response, code: int) -> Status:
    """The error, in the encoding of the request."""
    assert answer.status_code == code, answer.text
    assert answer.headers["content-type"] == answer.request.headers["content-type"]
    if "json" in answer.headers["content-type"]:
        said = answer.json()
        return Status(code=said["code"], message=said["message"])
    return Status.FromString(answer.content)


@pytest.mark.parametrize("packing", ["", "gzip"])
@pytest.mark.parametrize("form", ["protobuf", "json"])
def test_what_was_answered_with_200_is_in_the_database(
    door: TestClient, engine: Engine, form: str, packing: str
) -> None:
    sent = request(span(CHAT, trace=0xABC, id_=0xDEF, parent=0x123), span(CHAT, trace=2, id_=3))
    data, headers = (as_json(sent), JSON) if form == "json" else (sent.SerializeToString(), PROTOBUF)
    if packing:
        data, headers = gzip.compress(data), {**headers, "Content-Encoding": packing}
    answer = door.post(PATH, content=data, headers=headers)

    assert (answer.status_code, answer.headers["content-type"]) == (200, headers["Content-Type"])
    assert answer.content == (b"{}" if form == "json" else b"")
    assert ids(engine) == {f"{0xABC:032x}:{0xDEF:016x}", f"{2:032x}:{3:016x}"}


def test_an_empty_request_is_a_success(door: TestClient) -> None:
    assert door.post(PATH, content=b"", headers=PROTOBUF).status_code == 200
    assert door.post(PATH, content=b"{}", headers=JSON).status_code == 200


def test_what_cannot_be_taken_of_a_request_is_said_and_the_rest_is_taken(door: TestClient, engine: Engine) -> None:
    damaged, zeros, late = span(CHAT), span(CHAT), span(CHAT)
    damaged.trace_id = b"short"
    zeros.span_id = bytes(8)
    late.end_time_unix_nano = 2**63
    sent = request(damaged, zeros, late, span(CHAT, trace=2, id_=3))
    answer = door.post(PATH, content=sent.SerializeToString(), headers=PROTOBUF)

    partial = ExportTraceServiceResponse.FromString(answer.content).partial_success
    assert (answer.status_code, partial.rejected_spans) == (200, 3)
    assert "2 spans are damaged" in partial.error_message
    assert ids(engine) == {f"{2:032x}:{3:016x}"}
    told = door.post(PATH, content=as_json(sent), headers=JSON).json()["partialSuccess"]
    assert told["rejectedSpans"] == "3"


@pytest.mark.parametrize(
    ("headers", "data", "code"),
    [
        (PROTOBUF, b"\x0a\xff\xff", 400),
        (JSON, b"[1", 400),
        (JSON, b"[]", 400),
        (JSON, b'{"resourceSpans": 7}', 400),
        (JSON, b'{"resourceSpans": [{"scopeSpans": [{"spans": {}}]}]}', 400),
        (JSON, b"[" * 100_000, 400),
        (GZIP, b"not gzip", 400),
        (GZIP, gzip.compress(body(span(CHAT)))[:-6], 400),
        ({**PROTOBUF, "Content-Encoding": "zstd"}, b"x", 415),
        (PROTOBUF, bytes(LARGEST["protobuf"] + 1), 413),
        (PROTOBUF, bytes(64 * MIB), 413),
        (JSON, b" " * (LARGEST["json"] + 1), 413),
        (GZIP, packed(bytes(300 * MIB)), 413),
    ],
    ids=["protobuf", "json", "no object", "no list", "spans", "deep", "gzip", "cut", "zstd", "large", "64 MiB",
         "large json", "bomb"],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_as_the_protocol_has_it(
    door: TestClient, engine: Engine, headers: dict[str, str], data: bytes, code: int
) -> None:
    said = status(door.post(PATH, content=data, headers=headers), code)

    assert said.code in (3, 8)
    assert len(said.message.split()) > 4
    assert door.get("/healthz").status_code == 200
    assert ids(engine) == set()


def test_a_request_of_millions_of_empty_spans_is_refused(door: TestClient) -> None:
    spans = b"\x12\x00" * (MOST + 1)
    scoped = b"\x12" + _length(spans)
    data = b"\x0a" + _length(scoped)

    assert status(door.post(PATH, content=data, headers=PROTOBUF), 413).code == 8


@pytest.mark.parametrize(
    ("headers", "data"),
    [(PROTOBUF, b"\x0a\x00" * 2000), (JSON, b'{"resourceSpans": [' + b"{}," * 2000 + b"{}]}")],
    ids=["protobuf", "json"],
)
def test_a_request_of_millions_of_groups_without_a_span_is_refused(
    door: TestClient, monkeypatch: pytest.MonkeyPatch, headers: dict[str, str], data: bytes
) -> None:
    monkeypatch.setattr(wire, "PARTS", 1999)
    monkeypatch.setattr(wire, "GROUPS", 1999)
    assert status(door.post(PATH, content=data, headers=headers), 413).code == 8


def _length(data: bytes) -> bytes:
    """The bytes with their number before them, as the wire format has it."""
    left, found = len(data), b""
    while left > 127:
        found, left = found + bytes([left & 127 | 128]), left >> 7
    return found + bytes([left]) + data


def test_a_sender_that_goes_in_the_middle_is_no_failure_of_ours(
    door: TestClient, caplog: pytest.LogCaptureFixture
) -> None:
    messages = iter([{"type": "http.request", "body": b"x", "more_body": True}, {"type": "http.disconnect"}])
    headers = [(b"host", b"127.0.0.1"), (b"content-type", b"application/x-protobuf")]
    asked = {"type": "http", "method": "POST", "path": PATH, "query_string": b"", "headers": headers, "client": None}

    async def receive() -> Any:
        return next(messages)

    async def send(_message: Any) -> None:
        pass

    async def ask() -> None:
        await door.app(asked, receive, send)

    asyncio.run(ask())
    assert [record.levelname for record in caplog.records] == []


def test_a_request_that_is_no_otlp_is_answered_as_any_other(door: TestClient) -> None:
    assert "application/x-protobuf" in problem(door.post(PATH, content=b"x", headers={"Content-Type": "text/csv"}), 415)
    assert "method" in problem(door.get(PATH), 405)
    problem(door.post("/v1/logs", content=b"", headers=PROTOBUF), 404)


def test_a_database_that_is_away_is_told_with_a_time_to_come_back(
    door: TestClient, engine: Engine, failures: Counter[tuple[str, str]]
) -> None:
    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE calls RENAME TO gone"))
    answer = door.post(PATH, content=body(span(CHAT, trace=2, id_=3)), headers=PROTOBUF)
    assert (status(answer, 503).code, answer.headers["retry-after"]) == (14, "5")

    with engine.begin() as connection:
        connection.execute(text("ALTER TABLE gone RENAME TO calls"))
    assert door.post(PATH, content=body(span(CHAT, trace=2, id_=3)), headers=PROTOBUF).status_code == 200
    assert ids(engine) == {f"{2:032x}:{3:016x}"}
    assert failures == {("intake", "OperationalError"): 1}


def test_only_a_token_that_may_write_gets_in_and_one_of_a_tenant_writes_for_that_alone(
    engine: Engine, tmp_path: Path
) -> None:
    known, given = tokens(tmp_path, ("r", ("read",), None), ("w", ("write",), None), ("acme", ("write",), "acme"))
    app = create(Settings(), engine, Books(MemoryStore()), tokens=known)
    door = TestClient(app, "http://127.0.0.1:8320")
    mine, theirs = span(CHAT), span({**CHAT, names.SPANLEDGER_TENANT_ID: "globex"})

    def post(token: str | None) -> httpx2.Response:
        headers = PROTOBUF | ({"Authorization": f"Bearer {token}"} if token else {})
        return door.post(PATH, content=body(mine, theirs), headers=headers)

    problem(post(None), 401)
    problem(post(given["r"]), 403)
    assert ids(engine) == set()
    partial = ExportTraceServiceResponse.FromString(post(given["acme"]).content).partial_success
    assert partial.rejected_spans == 1
    with engine.connect() as connection:
        assert list(connection.scalars(select(schema.calls.c.tenant))) == ["acme"]
    assert post(given["w"]).content == b""
    with engine.connect() as connection:
        assert connection.scalar(select(func.count()).select_from(schema.calls)) == 2


WHOLE = request(*(span(CHAT) for _ in range(3))).SerializeToString()
WHOLE_JSON = as_json(request(*(span(CHAT) for _ in range(3))))


def mutated(data: bytes, dice: random.Random) -> bytes:
    """The bytes with some changed, taken out or put in, or cut off."""
    found = bytearray(data)
    for _ in range(dice.randint(1, 6)):
        at = dice.randrange(len(found) + 1)
        found[at : at + dice.choice((0, 0, 1, 1, 7))] = dice.randbytes(dice.choice((0, 1, 1, 3)))
    return bytes(found[: dice.choice((len(found), dice.randint(0, len(found))))])


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["random", "protobuf", "json", "values"]),
    st.sampled_from(["", "gzip", "deflate"]),
    st.randoms(use_true_random=False),
)
def test_whatever_is_sent_the_answer_is_clear(door: TestClient, kind: str, packing: str, dice: random.Random) -> None:
    headers = JSON if kind in ("json", "values") else PROTOBUF
    if kind == "random":
        data = dice.randbytes(dice.randint(0, 300))
    elif kind == "values":
        data = json.dumps(_wrong(json.loads(WHOLE_JSON), dice)).encode()
    else:
        data = mutated(WHOLE if kind == "protobuf" else WHOLE_JSON, dice)
    if packing:
        headers = {**headers, "Content-Encoding": packing}
        if dice.random() < 0.7:
            data = gzip.compress(data) if packing == "gzip" else zlib.compress(data)
    answer = door.post(PATH, content=data, headers=headers)
    if answer.status_code != 200:
        assert len(status(answer, 400).message.split()) > 4


def _wrong(said: Any, dice: random.Random) -> Any:
    """JSON with values of other kinds here and there."""
    if dice.random() < 0.03:
        return dice.choice((None, 7, -1, 2**70, 1e400, "x", "\ud800", True, [], {}, [[]], {"a": 1}))
    if isinstance(said, dict):
        return {key: _wrong(value, dice) for key, value in said.items()}
    return [_wrong(one, dice) for one in said] if isinstance(said, list) else said


def test_what_is_too_old_is_forgotten_after_an_answer(door: TestClient, engine: Engine) -> None:
    with engine.begin() as connection:
        connection.execute(schema.scores.insert().values(id="old", at=0, name="good", value=1.0))

    def forgotten() -> bool:
        with engine.connect() as connection:
            return connection.scalar(select(func.count()).select_from(schema.scores)) == 0

    assert door.post(PATH, content=body(span(CHAT)), headers=PROTOBUF).status_code == 200
    assert until(forgotten)
