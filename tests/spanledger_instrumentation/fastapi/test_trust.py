"""Who may say who pays: nobody outside, W3C baggage, or request headers too, as `SPANLEDGER_TRUST` says."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI, WebSocket
from opentelemetry import baggage, trace
from starlette.testclient import TestClient
from tests.support.tracing import Called, call

from spanledger import scope
from spanledger.scope import Scope
from spanledger.semconv import names

BAGGAGE = "spanledger.run.id=theirs,spanledger.tenant.id=b%C3%A4,user.id=bu,spanledger.stage=bs,color=red"
HEADERS = {"x-tenant-id": "ht", "x-user-id": "hu", "x-session-id": "hs", "x-request-id": "hr"}


@pytest.fixture
def asked(ask: Any) -> Callable[..., tuple[Called, dict[str, object]]]:
    """Sends headers, and gives what a call to a model finds inside, and the baggage there."""

    def send(headers: dict[str, str] | list[tuple[bytes, bytes]]) -> tuple[Called, dict[str, object]]:
        app = FastAPI()
        found: list[tuple[Called, dict[str, object]]] = []

        @app.get("/")
        async def endpoint() -> None:
            found.append((call(), dict(baggage.get_all())))

        assert ask(app, headers=headers).status_code == 200
        return found[0]

    return send


def _claims(found: Scope) -> Scope:
    assert found.run
    return Scope(tenant=found.tenant, user=found.user, session=found.session, request=found.request, stage=found.stage)


def test_by_default_nobody_is_believed_and_our_baggage_goes_no_further(instrument: Any, asked: Any) -> None:
    instrument()
    found, entries = asked({"baggage": BAGGAGE, **HEADERS})
    assert _claims(found.scope) == scope.EMPTY
    assert found.scope.run != "theirs"
    assert entries == {"color": "red", names.SPANLEDGER_RUN_ID: found.scope.run}


def test_trusted_baggage_says_who_pays_and_which_run_goes_on(instrument: Any, asked: Any) -> None:
    instrument("baggage")
    found, entries = asked({"baggage": BAGGAGE, **HEADERS})
    assert found.scope == Scope(run="theirs", tenant="bä", user="bu", stage="bs")
    assert entries["color"] == "red"


def test_trusted_headers_go_before_trusted_baggage(instrument: Any, asked: Any) -> None:
    instrument("headers")
    found, entries = asked({"baggage": BAGGAGE, **HEADERS})
    assert found.scope == Scope(run="theirs", tenant="ht", user="hu", session="hs", request="hr", stage="bs")
    assert entries[names.SPANLEDGER_TENANT_ID] == "ht"


def test_what_is_believed_stands_on_the_server_span(instrument: Any, asked: Any, the_server_span: Any) -> None:
    instrument("headers")
    asked(HEADERS)
    assert (
        the_server_span().attributes.items()
        >= {
            names.SPANLEDGER_TENANT_ID: "ht",
            names.USER_ID: "hu",
            names.SESSION_ID: "hs",
            names.SPANLEDGER_REQUEST_ID: "hr",
        }.items()
    )


@pytest.mark.parametrize(
    ("value", "read"),
    [
        (b"  acme  ", "acme"),
        (b"", None),
        (b"   ", None),
        ("käse".encode(), "käse"),
        ("käse".encode("latin-1"), "käse"),
        (b"a\x01\x7fb", "ab"),
        (b"x" * 5000, "x" * 256),
        (b"\xff\xfe", "ÿþ"),
    ],
)
def test_any_header_value_is_read_and_none_breaks_the_request(
    instrument: Any, asked: Any, value: bytes, read: str | None
) -> None:
    instrument("headers")
    found, _ = asked([(b"X-Tenant-ID", value)])
    assert found.scope.tenant == read


def test_of_a_header_that_comes_twice_the_last_counts(instrument: Any, asked: Any) -> None:
    instrument("headers")
    found, _ = asked([(b"x-tenant-id", b"from the client"), (b"x-tenant-id", b"from the gateway")])
    assert found.scope.tenant == "from the gateway"


@pytest.mark.parametrize("value", ["%", "=;,", "spanledger.tenant.id=" + "x" * 5000, "user.id=%ff%fe"])
def test_baggage_that_cannot_be_read_says_nothing_unusual(instrument: Any, asked: Any, value: str) -> None:
    instrument("baggage")
    found, _ = asked({"baggage": value})
    assert len(found.scope.tenant or "") <= 256


def test_control_characters_are_taken_out_of_baggage_too(instrument: Any, asked: Any) -> None:
    instrument("baggage")
    found, entries = asked({"baggage": "spanledger.tenant.id=%00ac%0A%E2%80%AEme%20,user.id=%00"})
    assert (found.scope.tenant, found.scope.user) == ("acme", None)
    assert entries[names.SPANLEDGER_TENANT_ID] == "acme"


def test_a_remote_trace_goes_on_and_names_the_run(instrument: Any, asked: Any, the_server_span: Any) -> None:
    instrument()
    found, _ = asked({"traceparent": "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"})
    assert f"{found.trace:032x}" == "ab" * 16
    assert found.scope.run == f"{'ab' * 16}-{the_server_span().context.span_id:016x}"


def test_without_an_sdk_a_request_is_a_run_and_headers_are_believed(
    instrument: Any, asked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    instrument("headers")
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", trace.NoOpTracerProvider())
    runs = set()
    for _ in range(2):
        found, _ = asked({"baggage": BAGGAGE.replace("spanledger.run.id=theirs,", ""), **HEADERS})
        assert (found.scope.tenant, found.scope.stage) == ("ht", "bs")
        runs.add(found.scope.run)
    assert {(run[:4], len(run)) for run in runs} == {("req-", 16)}
    assert len(runs) == 2


def test_the_headers_of_a_handshake_speak_for_the_connection(instrument: Any) -> None:
    instrument("headers")
    app = FastAPI()
    found: list[Called] = []

    @app.websocket("/")
    async def chat(socket: WebSocket) -> None:
        await socket.accept()
        found.append(call())
        await socket.close()

    with TestClient(app) as client, client.websocket_connect("/", headers=HEADERS) as socket:
        socket.receive()
    assert _claims(found[0].scope) == Scope(tenant="ht", user="hu", session="hs", request="hr")
