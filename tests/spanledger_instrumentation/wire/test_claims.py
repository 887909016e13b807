"""Who meters a call: the adapter that sees it first, and never two; the setting says what becomes of the rest."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Iterator

import httpx
import openai
import pytest
import requests
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from tests.spanledger_instrumentation.wire.conftest import Server
from tests.support.asking import MODEL, USAGE, later, said
from tests.support.scripted import completion
from tests.support.telemetry import Telemetry
from tests.support.telemetry import telemetry as new_telemetry
from tests.support.ways import JSON, WAYS, Way, written

import spanledger
from provider import Provider
from spanledger import BudgetExceeded
from spanledger.config import Settings
from spanledger.semconv import names
from spanledger_instrumentation.openai import OpenAIAdapter
from spanledger_instrumentation.wire import WireAdapter

CHAT = {"model": MODEL, "messages": [{"role": "user", "content": f"{USAGE} Hello"}]}


@pytest.fixture
def both(telemetry: Telemetry) -> Iterator[Telemetry]:
    """Telemetry with the OpenAI client and the wire instrumented."""
    adapters = [OpenAIAdapter(telemetry.calls), WireAdapter(telemetry.calls)]
    for adapter in adapters:
        adapter.install()
    yield telemetry
    for adapter in adapters:
        adapter.uninstall()


def test_a_call_of_a_client_is_metered_by_its_own_adapter_alone(client: openai.OpenAI, both: Telemetry) -> None:
    client.chat.completions.create(model=MODEL, messages=said())
    for _ in client.chat.completions.create(model=MODEL, messages=said(), stream=True):
        pass
    assert len(both.metered) == 2


def test_a_call_of_an_async_client_is_metered_by_its_own_adapter_alone(
    provider: Provider, key: str, both: Telemetry
) -> None:
    async def ask(client: openai.AsyncOpenAI) -> None:
        async for _ in await client.chat.completions.create(model=MODEL, messages=said(), stream=True):
            pass

    later(provider, key, ask)
    assert len(both.metered) == 1


def test_requests_beside_a_client_are_metered_too(client: openai.OpenAI, both: Telemetry, provider: Provider) -> None:
    stream = client.chat.completions.create(model=MODEL, messages=said(), stream=True)
    next(stream)
    WAYS["httpx"].ask(f"{provider.base_url}/chat/completions", written(CHAT), JSON)
    stream.close()
    assert len(both.metered) == 2


def test_a_call_that_passes_two_libraries_is_one(both: Telemetry, provider: Provider) -> None:
    """As litellm's do: an httpx client whose transport is aiohttp's."""

    class Through(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            body = await request.aread()
            seen = await asyncio.to_thread(WAYS["aiohttp"].ask, str(request.url), body, JSON)
            return httpx.Response(seen.status, content=seen.body)

    async def ask() -> None:
        async with httpx.AsyncClient(transport=Through()) as client:
            await client.post(f"{provider.base_url}/chat/completions", json=CHAT)

    asyncio.run(ask())
    assert both.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] == 100


def test_a_span_around_the_request_is_the_parent_of_the_call(both: Telemetry, provider: Provider) -> None:
    with both.tracer.start_as_current_span("foreign") as foreign:
        WAYS["requests"].ask(f"{provider.base_url}/chat/completions", written(CHAT), JSON)
    assert both.one.parent is not None
    assert both.one.parent.span_id == foreign.get_span_context().span_id


def test_an_app_served_in_this_process_makes_its_own_calls(both: Telemetry, provider: Provider) -> None:
    async def gateway(request: Request) -> JSONResponse:
        async with httpx.AsyncClient() as client:
            answer = await client.post(
                f"{provider.base_url}/chat/completions", content=await request.body(), headers=JSON
            )
        return JSONResponse(answer.json())

    app = Starlette(routes=[Route("/v1/chat/completions", gateway, methods=["POST"])])

    async def ask() -> None:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
            assert (await client.post("/v1/chat/completions", json=CHAT)).status_code == 200

    asyncio.run(ask())
    assert both.one.attributes is not None
    assert both.one.attributes[names.SERVER_ADDRESS] == "127.0.0.1"


def test_what_is_off_is_not_installed() -> None:
    adapter = WireAdapter(new_telemetry(Settings(wire="off")).calls)
    adapter.install()
    assert adapter.points == []
    adapter.uninstall()


def test_everything_is_put_back(telemetry: Telemetry) -> None:
    places = ((httpx.Client, "send"), (httpx.AsyncClient, "send"), (requests.Session, "send"))
    before = [vars(kind)[name] for kind, name in places]
    adapter = WireAdapter(telemetry.calls)
    adapter.install()
    assert [point.state for point in adapter.points] == ["patched"] * 6
    assert all(vars(kind)[name] is not was for (kind, name), was in zip(places, before, strict=True))
    adapter.uninstall()
    assert all(vars(kind)[name] is was for (kind, name), was in zip(places, before, strict=True))


@pytest.fixture
def mode(request: pytest.FixtureRequest) -> Iterator[Telemetry]:
    """Telemetry under a setting of `SPANLEDGER_WIRE`."""
    telemetry = new_telemetry(Settings(wire=request.param))
    adapter = WireAdapter(telemetry.calls)
    adapter.install()
    yield telemetry
    adapter.uninstall()
    telemetry.runtime.shutdown()


@pytest.mark.parametrize("mode", ["warn"], indirect=True)
def test_a_warning_names_each_host_once(mode: Telemetry, provider: Provider, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "spanledger"):
        for name in ("httpx", "requests"):
            WAYS[name].ask(f"{provider.base_url}/chat/completions", written(CHAT), JSON)
    assert len(mode.metered) == 2
    (record,) = caplog.records
    assert "127.0.0.1" in record.getMessage()


@pytest.mark.parametrize("mode", ["deny"], indirect=True)
def test_what_nobody_claimed_is_refused_and_nothing_is_sent(way: Way, mode: Telemetry, server: Server) -> None:
    with pytest.raises(BudgetExceeded) as refused:
        way.ask(f"{server.url}/v1/chat/completions", written(CHAT), JSON)
    assert refused.value.refusal.kind == "misconfigured"
    assert "SPANLEDGER_WIRE=deny" in str(refused.value)
    assert server.asked == []
    assert mode.one.status.status_code.name == "ERROR"
    assert mode.attributes[names.ERROR_TYPE] == "spanledger.BudgetExceeded"
    assert names.GEN_AI_USAGE_INPUT_TOKENS not in mode.attributes


@pytest.mark.parametrize("mode", ["deny"], indirect=True)
def test_other_traffic_is_not_refused(way: Way, mode: Telemetry, server: Server) -> None:
    assert way.ask(f"{server.url}/orders", written(CHAT), JSON).status == 200
    assert way.ask(f"{server.url}/v1/chat/completions", b'{"query": "Hello"}', JSON).status == 200
    assert mode.spans == []


def test_who_pays_where_the_request_is_made_pays(both: Telemetry, server: Server) -> None:
    server.says(json.dumps(completion()).encode())
    with spanledger.run(id="run-7", tenant="acme"):
        WAYS["httpx"].ask(f"{server.url}/v1/chat/completions", written(CHAT), JSON)
    assert both.attributes[names.SPANLEDGER_RUN_ID] == "run-7"
    assert both.attributes[names.SPANLEDGER_TENANT_ID] == "acme"
