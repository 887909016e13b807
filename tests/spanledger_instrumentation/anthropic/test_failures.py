"""Requests that fail: the app sees the client's own exception, and the span ends once, as an error."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import anthropic
import httpx2
import pytest
from anthropic import AsyncAnthropic
from pydantic import BaseModel, ValidationError
from tests.support.claude import MODEL, USAGE, client_of, fault, later, message, said
from tests.support.ends import failed
from tests.support.telemetry import Telemetry, whole

from provider import Provider
from spanledger.semconv import names

STATUSES = [
    ("400", 400, anthropic.BadRequestError),
    ("401", 401, anthropic.AuthenticationError),
    ("404", 404, anthropic.NotFoundError),
    ("429", 429, anthropic.RateLimitError),
    ("500", 500, anthropic.InternalServerError),
    ("529", 529, anthropic.OverloadedError),
]
ASK: dict[str, Any] = {"model": MODEL, "max_tokens": 50}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(("name", "status", "kind"), STATUSES)
def test_an_error_status_ends_the_span_with_it(
    client: anthropic.Anthropic, traced: Telemetry, name: str, status: int, kind: type[Exception], stream: bool
) -> None:
    with pytest.raises(kind):
        client.messages.create(**ASK, messages=fault(name), stream=stream)
    failed(traced.one, f"anthropic.{kind.__name__}", status)
    assert len([span for span in traced.spans if span.status.status_code.name == "ERROR"]) == 1


@pytest.mark.parametrize(("name", "status", "kind"), STATUSES)
def test_an_error_status_ends_an_async_span_with_it(
    provider: Provider, key: str, metered: Telemetry, name: str, status: int, kind: type[Exception]
) -> None:
    async def ask(client: AsyncAnthropic) -> None:
        await client.messages.create(**ASK, messages=fault(name), stream=True)

    with pytest.raises(kind):
        later(provider, key, ask)
    failed(metered.one, f"anthropic.{kind.__name__}", status)


def test_retries_are_events_of_one_span_with_the_number_of_the_attempt(
    client: anthropic.Anthropic, metered: Telemetry, provider: Provider, key: str
) -> None:
    text = f"<<fault=529 times=2 retry_after=0.01>> {USAGE}"
    client.with_options(max_retries=2).messages.create(**ASK, messages=said(text))
    seen = whole(metered.one)
    assert seen["events"] == [
        (
            names.EVENT_SPANLEDGER_ATTEMPT_FAILED,
            {names.SPANLEDGER_ATTEMPT_NUMBER: n, names.ERROR_TYPE: "529", names.HTTP_RESPONSE_STATUS_CODE: 529},
        )
        for n in (1, 2)
    ]
    assert seen["status"] == "UNSET"
    assert seen["attributes"][names.GEN_AI_USAGE_INPUT_TOKENS] == 100
    assert provider.bill(key)["requests"] == 1


def test_attempts_that_time_out_are_events_without_a_status(client: anthropic.Anthropic, metered: Telemetry) -> None:
    with pytest.raises(anthropic.APITimeoutError):
        client.with_options(max_retries=1, timeout=0.2).messages.create(**ASK, messages=fault("timeout"))
    lost, event, last = metered.one.events
    assert dict(event.attributes or {}) == {
        names.SPANLEDGER_ATTEMPT_NUMBER: 1,
        names.ERROR_TYPE: "anthropic.APITimeoutError",
    }
    assert [one.name for one in (lost, last)] == [names.EVENT_SPANLEDGER_ATTEMPT_LOST] * 2, "each may be on the bill"
    failed(metered.one, "anthropic.APITimeoutError")


def test_a_refused_connection_ends_the_span(metered: Telemetry) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"
        client = anthropic.Anthropic(base_url=url, api_key="sk-x", max_retries=0)
        with client, pytest.raises(anthropic.APIConnectionError):
            client.messages.create(**ASK, messages=said())
    failed(metered.one, "anthropic.APIConnectionError")


def test_half_a_body_ends_the_span(client: anthropic.Anthropic, metered: Telemetry) -> None:
    with pytest.raises(anthropic.APIConnectionError):
        client.messages.create(**ASK, messages=fault("disconnect"))
    assert whole(metered.one)["status"] == "ERROR"


def test_a_call_that_is_cancelled_before_its_answer_ends_as_cancelled(
    provider: Provider, key: str, metered: Telemetry
) -> None:
    async def ask(client: AsyncAnthropic) -> None:
        asking = asyncio.create_task(client.messages.create(**ASK, messages=fault("timeout")))
        while not provider.log(key):  # noqa: ASYNC110  the provider is in another thread
            await asyncio.sleep(0.005)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking

    later(provider, key, ask)
    found = metered.attributes
    assert metered.one.status.status_code.name == "ERROR"
    assert found[names.ERROR_TYPE] == "asyncio.exceptions.CancelledError"
    assert found[names.SPANLEDGER_USAGE_ESTIMATED] is True
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] > 0


def test_an_error_in_a_body_that_http_calls_a_success_is_the_failure_of_the_call(metered: Telemetry) -> None:
    body = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    with client_of(lambda _: httpx2.Response(200, json=body)) as client:
        client.messages.with_raw_response.create(**ASK, messages=said())
    failed(metered.one, "overloaded_error")


def test_an_answer_that_does_not_fit_the_schema_is_paid_and_says_so(metered: Telemetry) -> None:
    class City(BaseModel):
        name: str

    answer = message(content=[{"type": "text", "text": '{"name": 7}'}])
    with client_of(lambda _: httpx2.Response(200, json=answer)) as client, pytest.raises(ValidationError):
        client.messages.parse(**ASK, messages=said(), output_format=City)
    found = metered.attributes
    assert found[names.SPANLEDGER_RESPONSE_SCHEMA_VALID] is False
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] == 100
    assert found[names.SPANLEDGER_PRICE_STATUS] == "priced"
