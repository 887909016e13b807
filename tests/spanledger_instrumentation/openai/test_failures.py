"""Requests that fail: the app sees the client's own exception, and the span ends once, as an error."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI
from pydantic import BaseModel, ValidationError
from tests.support.asking import MODEL, USAGE, fault, later, said
from tests.support.ends import failed
from tests.support.telemetry import Telemetry, whole

from provider import Provider
from spanledger.semconv import names

STATUSES = [
    ("400", 400, openai.BadRequestError),
    ("401", 401, openai.AuthenticationError),
    ("404", 404, openai.NotFoundError),
    ("429", 429, openai.RateLimitError),
    ("500", 500, openai.InternalServerError),
]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize(("name", "status", "kind"), STATUSES)
def test_an_error_status_ends_the_span_with_it(
    client: openai.OpenAI, metered: Telemetry, name: str, status: int, kind: type[Exception], stream: bool
) -> None:
    with pytest.raises(kind):
        client.chat.completions.create(model=MODEL, messages=fault(name), stream=stream)
    failed(metered.one, f"openai.{kind.__name__}", status)


@pytest.mark.parametrize(("name", "status", "kind"), STATUSES)
def test_an_error_status_ends_an_async_span_with_it(
    provider: Provider, key: str, metered: Telemetry, name: str, status: int, kind: type[Exception]
) -> None:
    async def ask(client: AsyncOpenAI) -> None:
        await client.chat.completions.create(model=MODEL, messages=fault(name), stream=True)

    with pytest.raises(kind):
        later(provider, key, ask)
    failed(metered.one, f"openai.{kind.__name__}", status)


@pytest.mark.parametrize("call", ["responses", "embeddings"])
def test_other_apis_fail_the_same(client: openai.OpenAI, metered: Telemetry, call: str) -> None:
    with pytest.raises(openai.BadRequestError):
        getattr(client, call).create(model=MODEL, input="<<fault=400>> x")
    failed(metered.one, "openai.BadRequestError", 400)


def test_an_error_without_a_body_is_told_the_same(client: openai.OpenAI, metered: Telemetry) -> None:
    with (
        pytest.raises(openai.RateLimitError),
        client.chat.completions.with_streaming_response.create(model=MODEL, messages=fault("429")),
    ):
        raise AssertionError("not reached")
    failed(metered.one, "openai.RateLimitError", 429)


def test_retries_are_events_of_one_span_with_the_number_of_the_attempt(
    client: openai.OpenAI, metered: Telemetry, provider: Provider, key: str
) -> None:
    text = f"<<fault=429 times=2 retry_after=0.01>> {USAGE}"
    client.with_options(max_retries=2).chat.completions.create(model=MODEL, messages=said(text))
    seen = whole(metered.one)
    assert seen["events"] == [
        (
            names.EVENT_SPANLEDGER_ATTEMPT_FAILED,
            {names.SPANLEDGER_ATTEMPT_NUMBER: n, names.ERROR_TYPE: "429", names.HTTP_RESPONSE_STATUS_CODE: 429},
        )
        for n in (1, 2)
    ]
    assert seen["status"] == "UNSET"
    assert seen["attributes"][names.GEN_AI_USAGE_INPUT_TOKENS] == 100
    assert provider.bill(key)["requests"] == 1


def test_the_last_failed_attempt_is_the_failure_of_the_call(client: openai.OpenAI, metered: Telemetry) -> None:
    text = "<<fault=503 retry_after=0.01>> x"
    with pytest.raises(openai.InternalServerError):
        client.with_options(max_retries=1).chat.completions.create(model=MODEL, messages=said(text))
    failed(metered.one, "openai.InternalServerError", 503)
    assert [dict(e.attributes or {})[names.SPANLEDGER_ATTEMPT_NUMBER] for e in metered.one.events] == [1]


def test_attempts_that_time_out_are_events_without_a_status(client: openai.OpenAI, metered: Telemetry) -> None:
    with pytest.raises(openai.APITimeoutError):
        client.with_options(max_retries=1, timeout=0.2).chat.completions.create(model=MODEL, messages=fault("timeout"))
    lost, event, last = metered.one.events
    assert [one.name for one in (lost, last)] == [names.EVENT_SPANLEDGER_ATTEMPT_LOST] * 2, "each may be on the bill"
    assert dict(event.attributes or {}) == {
        names.SPANLEDGER_ATTEMPT_NUMBER: 1,
        names.ERROR_TYPE: "httpx2.ReadTimeout",
    }


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_timeout_ends_the_span(client: openai.OpenAI, metered: Telemetry, stream: bool) -> None:
    with pytest.raises(openai.APITimeoutError):
        client.with_options(timeout=0.2).chat.completions.create(model=MODEL, messages=fault("timeout"), stream=stream)
    failed(metered.one, "openai.APITimeoutError")


def test_a_refused_connection_ends_the_span(metered: Telemetry) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/v1"
        client = openai.OpenAI(base_url=url, api_key="sk-x", max_retries=0)
        with client, pytest.raises(openai.APIConnectionError):
            client.chat.completions.create(model=MODEL, messages=said())
    failed(metered.one, "openai.APIConnectionError")


def test_half_a_body_ends_the_span(client: openai.OpenAI, metered: Telemetry) -> None:
    with pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(model=MODEL, messages=fault("disconnect"))
    assert whole(metered.one)["status"] == "ERROR"


def test_a_call_that_is_cancelled_before_its_answer_ends_as_cancelled(
    provider: Provider, key: str, metered: Telemetry
) -> None:
    async def ask(client: AsyncOpenAI) -> None:
        asking = asyncio.create_task(client.chat.completions.create(model=MODEL, messages=fault("timeout")))
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


def test_an_argument_that_the_client_rejects_costs_nothing(client: openai.OpenAI, metered: Telemetry) -> None:
    with pytest.raises(TypeError):
        client.chat.completions.create(model=MODEL, messages=object(), stream=True)  # type: ignore[call-overload]
    failed(metered.one, "TypeError")


def test_an_answer_that_does_not_fit_the_schema_is_paid_and_says_so(metered: Telemetry, client: openai.OpenAI) -> None:
    class City(BaseModel):
        name: int

        @classmethod
        def model_json_schema(cls, *args: Any, **kwargs: Any) -> dict[str, Any]:
            return {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}

    with pytest.raises(ValidationError):
        client.chat.completions.parse(model=MODEL, messages=said(), response_format=City)
    found = metered.attributes
    assert found[names.SPANLEDGER_RESPONSE_SCHEMA_VALID] is False
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] == 100
    assert found[names.SPANLEDGER_PRICE_STATUS] == "priced"
