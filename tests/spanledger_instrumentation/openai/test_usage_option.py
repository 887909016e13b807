"""Asking for usage: what is sent, what the app's own wishes are worth, and servers that refuse the option."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletionChunk
from tests.support.asking import LEGACY, MODEL, later, said
from tests.support.scripted import URL, asked_for_usage, chat_events, client_of, streaming
from tests.support.telemetry import Telemetry

from provider import Provider, Settings, serve
from spanledger.semconv import names


class Server:
    """Remembers what it was sent; refuses `stream_options` if told to."""

    def __init__(self, refusal: httpx2.Response | None = None) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.refusal = refusal

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.bodies.append(json.loads(request.content))
        if self.refusal is not None and "stream_options" in self.bodies[-1]:
            return httpx2.Response(self.refusal.status_code, content=self.refusal.content)
        return streaming(chat_events(asked_for_usage(request)))

    @property
    def options(self) -> list[Any]:
        return [body.get("stream_options") for body in self.bodies]


def stream(server: Server, **more: Any) -> list[Any]:
    with client_of(server) as client:
        return list(client.chat.completions.create(model=MODEL, messages=said(), stream=True, **more))


def test_usage_is_asked_for_where_a_stream_does_not(metered: Telemetry) -> None:
    stream(server := Server())
    assert server.bodies == [
        {"model": MODEL, "messages": said(), "stream": True, "stream_options": {"include_usage": True}}
    ]


def test_a_plain_call_is_sent_as_it_is(metered: Telemetry, client: openai.OpenAI, provider: Provider, key: str) -> None:
    client.chat.completions.create(model=MODEL, messages=said())
    assert provider.log(key)[0]["body"] == {"model": MODEL, "messages": said()}


def test_a_legacy_completion_is_asked_too(
    metered: Telemetry, client: openai.OpenAI, provider: Provider, key: str
) -> None:
    seen = list(client.completions.create(model=LEGACY, prompt="Hello", stream=True))
    assert provider.log(key)[0]["body"]["stream_options"] == {"include_usage": True}
    assert all(chunk.choices and chunk.usage is None for chunk in seen)
    assert not any("usage" in chunk.model_fields_set for chunk in seen)


def test_a_responses_stream_is_sent_as_it_is(
    metered: Telemetry, client: openai.OpenAI, provider: Provider, key: str
) -> None:
    list(client.responses.create(model=MODEL, input="Hello", stream=True))
    assert provider.log(key)[0]["body"] == {"model": MODEL, "input": "Hello", "stream": True}


def test_the_usage_chunk_is_shown_to_an_app_that_asked_for_it(metered: Telemetry) -> None:
    seen = stream(server := Server(), stream_options={"include_usage": True})
    assert server.options == [{"include_usage": True}]
    assert seen[-1].choices == []
    assert seen[-1].usage.total_tokens == 120
    assert all("usage" in chunk.model_fields_set for chunk in seen)


def test_an_app_that_declines_usage_is_left_alone(metered: Telemetry) -> None:
    stream(server := Server(), stream_options={"include_usage": False})
    assert server.options == [{"include_usage": False}]
    assert metered.attributes[names.SPANLEDGER_USAGE_ESTIMATED] is True


def test_other_options_of_the_stream_are_kept(metered: Telemetry) -> None:
    stream(server := Server(), stream_options={"include_obfuscation": False})
    assert server.options == [{"include_obfuscation": False, "include_usage": True}]


def test_an_extra_body_is_kept(metered: Telemetry) -> None:
    stream(server := Server(), extra_body={"stream_options": {"other": 1}, "mine": [1]})
    assert server.bodies[0]["stream_options"] == {"other": 1, "include_usage": True}
    assert server.bodies[0]["mine"] == [1]


def test_an_extra_body_that_asks_is_shown_the_usage(metered: Telemetry) -> None:
    seen = stream(Server(), extra_body={"stream_options": {"include_usage": True}})
    assert seen[-1].usage is not None


def test_a_stream_asked_for_in_the_extra_body_is_known(metered: Telemetry) -> None:
    server = Server()
    with client_of(server) as client:
        create = client.chat.completions.with_streaming_response.create
        with create(model=MODEL, messages=said(), extra_body={"stream": True}) as response:
            assert response.read() == b"".join(chat_events(asked=False))
    assert metered.attributes[names.GEN_AI_REQUEST_STREAM] is True
    assert metered.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] == 100


def test_what_the_app_passes_in_is_never_changed(metered: Telemetry) -> None:
    given: dict[str, Any] = {
        "messages": said(),
        "stream_options": {"include_obfuscation": False},
        "extra_body": {"mine": {"a": 1}},
        "extra_headers": {"x-mine": "1"},
        "metadata": {"k": "v"},
    }
    before = copy.deepcopy(given)
    with client_of(Server()) as client:
        list(client.chat.completions.create(model=MODEL, stream=True, **given))
    assert given == before


def test_the_body_of_a_post_is_never_changed(metered: Telemetry) -> None:
    body = {"model": MODEL, "messages": said(), "stream": True}
    before = copy.deepcopy(body)
    with client_of(Server()) as client:
        kind = openai.Stream[ChatCompletionChunk]
        seen = client.post("/chat/completions", body=body, cast_to=ChatCompletionChunk, stream=True, stream_cls=kind)
        assert all(chunk.choices for chunk in seen)
    assert body == before


@pytest.fixture
def strict() -> Iterator[Provider]:
    """A provider that knows no stream options."""
    with serve(Settings(reject_stream_options=True)) as provider:
        yield provider


def test_a_server_that_refuses_the_option_is_asked_once_more_without_it_and_remembered(
    metered: Telemetry, strict: Provider, key: str
) -> None:
    with openai.OpenAI(base_url=strict.base_url, api_key=key) as client:
        for _ in range(2):
            assert list(client.chat.completions.create(model=MODEL, messages=said("Hello"), stream=True))
    asked = ["stream_options" in entry["body"] for entry in strict.log(key)]
    assert asked == [True, False, False]
    assert [span.status.status_code.name for span in metered.metered] == ["UNSET", "UNSET"]
    assert [(s.attributes or {})[names.SPANLEDGER_USAGE_ESTIMATED] for s in metered.metered] == [True, True]


def test_the_same_for_coroutines(metered: Telemetry, strict: Provider, key: str) -> None:
    async def ask(client: openai.AsyncOpenAI) -> None:
        for _ in range(2):
            async for _chunk in await client.chat.completions.create(model=MODEL, messages=said("Hi"), stream=True):
                pass

    later(strict, key, ask)
    assert ["stream_options" in entry["body"] for entry in strict.log(key)] == [True, False, False]
    assert len(metered.metered) == 2


def test_only_that_base_url_is_remembered(metered: Telemetry) -> None:
    strict = Server(httpx2.Response(422, json={"detail": [{"loc": ["body", "stream_options"]}]}))
    stream(strict)
    other = Server()
    with client_of(other, base_url=URL.replace("provider", "other")) as client:
        list(client.chat.completions.create(model=MODEL, messages=said(), stream=True))
    assert strict.options == [{"include_usage": True}, None]
    assert other.options == [{"include_usage": True}]


def test_options_that_the_app_gave_come_back_without_ours(metered: Telemetry) -> None:
    refusing = Server(httpx2.Response(400, json={"error": {"message": "unknown field include_usage"}}))
    with pytest.raises(openai.BadRequestError, match="include_usage"):
        stream(refusing, stream_options={"include_obfuscation": False})
    assert refusing.options == [
        {"include_obfuscation": False, "include_usage": True},
        {"include_obfuscation": False},
    ]
    assert len(metered.metered) == 1


def test_an_error_about_something_else_is_not_tried_again(metered: Telemetry) -> None:
    server = Server(httpx2.Response(400, json={"error": {"message": "the prompt is too long"}}))
    with pytest.raises(openai.BadRequestError):
        stream(server)
    assert len(server.bodies) == 1


def test_concurrent_streams_are_metered_each(metered: Telemetry, provider: Provider, key: str) -> None:
    async def ask(client: openai.AsyncOpenAI) -> None:
        async def one() -> None:
            async for _ in await client.chat.completions.create(model=MODEL, messages=said(), stream=True):
                pass

        await asyncio.gather(*(one() for _ in range(8)))

    later(provider, key, ask)
    tokens = [said[names.GEN_AI_USAGE_INPUT_TOKENS] for said in metered.said]
    assert sum(tokens) == provider.bill(key)["input_tokens"] == 800
