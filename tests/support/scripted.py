"""A provider that says exactly what a test tells it to, piece by piece, through the client's own HTTP library."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import httpx2
import openai
from tests.support.asking import MODEL

USAGE = {
    "prompt_tokens": 100,
    "completion_tokens": 20,
    "total_tokens": 120,
    "prompt_tokens_details": {"cached_tokens": 40},
    "completion_tokens_details": {"reasoning_tokens": 5},
}
WORDS = ("Hello", " there", ",", " “wörld” ☃\n\n")
URL = "http://provider.test/v1"

Handler = Callable[[httpx2.Request], httpx2.Response]


class Pieces(httpx2.SyncByteStream, httpx2.AsyncByteStream):
    """A body that comes in these pieces; `log` is told of each as it is asked for, and of the end."""

    def __init__(self, pieces: Sequence[bytes], log: list[str] | None = None, error: Exception | None = None) -> None:
        self._pieces = pieces
        self._log = [] if log is None else log
        self._error = error
        self.closed = 0

    def __iter__(self) -> Iterator[bytes]:
        for number, piece in enumerate(self._pieces):
            self._log.append(f"sent {number}")
            yield piece
        if self._error is not None:
            raise self._error

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self:
            yield piece

    def close(self) -> None:
        self.closed += 1

    async def aclose(self) -> None:
        self.closed += 1


def event(document: Any, end: bytes = b"\n\n") -> bytes:
    """One server-sent event."""
    return b"data: " + json.dumps(document, separators=(",", ":")).encode() + end


def frame(**more: Any) -> dict[str, Any]:
    """What all chunks of OpenAI's chat streams have."""
    head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini-2024-07-18"}
    return {**head, "service_tier": "default", "system_fingerprint": "fp_1", **more}


def choice(delta: dict[str, Any], reason: str | None = None) -> dict[str, Any]:
    """One choice of a chunk."""
    return {"index": 0, "delta": delta, "logprobs": None, "finish_reason": reason}


def chat_events(asked: bool, words: Sequence[str] = WORDS, end: bytes = b"\n\n") -> list[bytes]:
    """A chat stream; with usage at its end, and null before, where it was asked for."""
    null = {"usage": None} if asked else {}
    said = [frame(choices=[choice({"role": "assistant", "content": ""})], **null)]
    said += [frame(choices=[choice({"content": word})], **null) for word in words]
    said += [frame(choices=[choice({}, "stop")], **null)]
    said += [frame(choices=[], usage=USAGE)] if asked else []
    return [event(document, end) for document in said] + [b"data: [DONE]" + end]


def asked_for_usage(request: httpx2.Request) -> bool:
    """Whether a request asks for usage at the end of its stream."""
    return bool((json.loads(request.content).get("stream_options") or {}).get("include_usage"))


def streaming(pieces: httpx2.SyncByteStream | Sequence[bytes], **headers: str) -> httpx2.Response:
    """An answer that is an event stream."""
    body = pieces if isinstance(pieces, httpx2.SyncByteStream) else Pieces(pieces)
    return httpx2.Response(200, headers={"content-type": "text/event-stream", **headers}, stream=body)


def answering(document: Any) -> Handler:
    """Always the same answer, in one piece."""
    return lambda _request: httpx2.Response(200, json=document)


def completion(**more: Any) -> dict[str, Any]:
    """A chat completion."""
    message = {"role": "assistant", "content": "Hello", "refusal": None}
    choices = [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}]
    return {"id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": MODEL, "choices": choices, **more}


def client_of(handler: Handler, base_url: str = URL, retries: int = 0) -> openai.OpenAI:
    """A client whose every request is answered by the handler."""
    http = httpx2.Client(transport=httpx2.MockTransport(handler))
    return openai.OpenAI(base_url=base_url, api_key="sk-test", http_client=http, max_retries=retries)


def async_client_of(handler: Handler, base_url: str = URL) -> openai.AsyncOpenAI:
    """The same for coroutines."""
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(handler))
    return openai.AsyncOpenAI(base_url=base_url, api_key="sk-test", http_client=http, max_retries=0)
