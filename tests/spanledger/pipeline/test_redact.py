"""Secrets and personal data never leave; what is none stays as it is."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from opentelemetry.trace import Status, StatusCode
from tests.support.telemetry import Telemetry

from spanledger.pipeline import redact
from spanledger.pipeline.redact import MASK, masked

SECRETS = [
    "sk-proj-0123456789abcdefABCDEF",
    "AKIAIOSFODNN7EXAMPLE",
    "ghp_0123456789abcdefghijABCDEFGHIJ456789",
    "xoxb-1234567890-abcdef",
    "AIzaSyA0123456789abcdefghijklmnopqrstuv",
    "Bearer abcdef0123456789",
    "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.abc-_123",
    "-----BEGIN RSA PRIVATE KEY-----\nMIIE\n-----END RSA PRIVATE KEY-----",
    "password=hunter22",
    "api_key: 0123456789",
    "jane.doe+test@mail.example.com",
    "4111 1111 1111 1111",
    "DE89 3704 0044 0532 0130 00",
]
HARMLESS = [
    "a plain sentence about tokens and passwords",
    "gpt-4o-mini-2024-07-18",
    "chatcmpl-9f86d081884c7d659a2feaa0c55ad015",
    "2026-11-21T14:39:44Z",
    "https://api.openai.com/v1/chat/completions?n=1",
    "1732199984.123456",
    "sk-short",
    "user@localhost",
    "0192f3c4a7b87c1d8e5f6a7b8c9d0e1f",
]


@pytest.mark.parametrize("secret", SECRETS)
def test_a_secret_is_masked_within_its_text(secret: str) -> None:
    found = masked(f"before {secret} after")
    assert MASK in found
    assert found.startswith("before ")
    assert found.endswith(" after")
    assert secret.rsplit(maxsplit=1)[-1] not in found


@pytest.mark.parametrize("text", HARMLESS)
def test_what_is_no_secret_is_the_very_same(text: str) -> None:
    assert masked(text) is text


def test_secrets_are_found_in_lists_and_nested_values() -> None:
    assert masked(["x", {"authorization": "Basic x", "deep": [SECRETS[0]]}]) == [
        "x",
        {"authorization": MASK, "deep": [MASK]},
    ]


def span(telemetry: Telemetry, **attributes: Any) -> dict[str, Any]:
    telemetry.tracer.start_span("x", attributes=attributes).end()
    return dict(telemetry.spans[-1].attributes or {})


def test_a_secret_is_masked_in_attributes_whatever_their_key(telemetry: Telemetry) -> None:
    assert span(telemetry, note=f"key {SECRETS[0]}", x_api_key="abc", tags=["a", SECRETS[10]], count=7) == {
        "note": f"key {MASK}",
        "x_api_key": MASK,
        "tags": ["a", MASK],
        "count": 7,
    }


def test_a_secret_is_masked_in_events_and_status(telemetry: Telemetry) -> None:
    made = telemetry.tracer.start_span("x")
    made.record_exception(ValueError(f"no access with {SECRETS[0]}"))
    made.add_event("harmless", {"a": 1})
    made.set_status(Status(StatusCode.ERROR, f"no access with {SECRETS[0]}"))
    made.end()
    (found,) = telemetry.spans
    assert SECRETS[0] not in str([dict(event.attributes or {}) for event in found.events])
    assert [event.name for event in found.events] == ["exception", "harmless"]
    assert found.status.description == f"no access with {MASK}"
    assert found.status.status_code is StatusCode.ERROR


def test_a_span_that_cannot_be_cleaned_goes_out_bare(
    telemetry: Telemetry, monkeypatch: pytest.MonkeyPatch, failures: Counter[tuple[str, str]]
) -> None:
    def broken(_value: Any) -> Any:
        raise LookupError

    monkeypatch.setattr(redact, "masked", broken)
    made = telemetry.tracer.start_span("x", attributes={"note": SECRETS[0]})
    made.add_event("y", {"note": SECRETS[0]})
    made.set_status(Status(StatusCode.ERROR, SECRETS[0]))
    made.end()
    (found,) = telemetry.spans
    assert (found.name, dict(found.attributes or {}), found.events) == ("x", {}, ())
    assert (found.status.status_code, found.status.description) == (StatusCode.ERROR, None)
    assert failures == {("redact", "LookupError"): 1}
