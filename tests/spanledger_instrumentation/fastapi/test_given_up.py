"""A client that goes away half-way through a streamed answer: what the model has written by then is still paid for."""

from __future__ import annotations

import gc
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import openai
import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse
from openai.types.chat import ChatCompletionChunk
from tests.support.behind_uvicorn import served
from tests.support.telemetry import Telemetry
from tests.support.waiting import until

from spanledger.semconv import names

ASKED: dict[str, Any] = {
    "model": "gpt-4o-mini",
    "messages": [{"role": "user", "content": "hello <<output=2000 gap_ms=5>>"}],
    "stream": True,
}


def _let_go(telemetry: Telemetry) -> None:
    """Nobody closes a sync body that is left half-way, and a cycle holds it: the garbage collector does."""
    assert until(lambda: gc.collect() >= 0 and not len(telemetry.runtime.lineage))


def _text(chunk: ChatCompletionChunk) -> bytes:
    return (chunk.choices[0].delta.content or "").encode()


def _sync(client: openai.OpenAI, held: list[object]) -> StreamingResponse:
    def body() -> Iterator[bytes]:
        for chunk in client.chat.completions.create(**ASKED):
            yield _text(chunk)

    return StreamingResponse(body())


def _async(client: openai.OpenAI, held: list[object]) -> StreamingResponse:
    async def body() -> AsyncIterator[bytes]:
        async with openai.AsyncOpenAI(base_url=client.base_url, api_key=client.api_key, max_retries=0) as later:
            held.append(later)
            async for chunk in await later.chat.completions.create(**ASKED):
                yield _text(chunk)

    return StreamingResponse(body())


@pytest.mark.parametrize("answer", [_sync, _async])
def test_a_call_whose_reader_went_away_is_estimated_and_paid_by_the_tenant_of_the_request(
    instrument: Any, app: FastAPI, metered: Telemetry, client: openai.OpenAI, answer: Callable[..., Any]
) -> None:
    instrument("headers")
    held: list[object] = []  # the collector must not find the sockets of a client before it finds the client

    @app.get("/")
    async def endpoint() -> StreamingResponse:
        response: StreamingResponse = answer(client, held)
        return response

    tenant = {"x-tenant-id": "acme"}
    with served(app, log_level="critical") as at, httpx.stream("GET", f"http://{at}", headers=tenant) as response:
        next(response.iter_bytes(1))
        response.close()
        _let_go(metered)
        said = metered.attributes
    assert said[names.SPANLEDGER_TENANT_ID] == "acme"
    assert said[names.SPANLEDGER_USAGE_ESTIMATED] is True
    assert 0 < said[names.GEN_AI_USAGE_OUTPUT_TOKENS] < 2000
