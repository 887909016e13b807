"""What tests ask the simulated provider for in Anthropic's way, and answers that a test scripts itself."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

import anthropic
import httpx2
from anthropic import AsyncAnthropic
from tests.support.scripted import Handler, Pieces

from provider import Provider

MODEL, DATED = "claude-haiku-4-5", "claude-haiku-4-5-20251001"
#: 100 input tokens: 40 from a cache, 10 into one, of those 4 for an hour.
USAGE = "<<input=100 cached=40 cache_write=10 cache_write_long=4 output=20 reasoning=5>>"
#: 50 tokens at 1 USD a million, 40 at 0.10, 6 at 1.25, 4 at 2, 20 at 5.
COST = 169.5e-6
URL = "http://provider.test"
#: The usage above as Anthropic tells it.
BLOCK = {
    "input_tokens": 50,
    "cache_read_input_tokens": 40,
    "cache_creation_input_tokens": 10,
    "cache_creation": {"ephemeral_5m_input_tokens": 6, "ephemeral_1h_input_tokens": 4},
    "output_tokens": 20,
    "output_tokens_details": {"thinking_tokens": 5},
    "service_tier": "standard",
}
WORDS = ("Hello", " there", ",", " “wörld” ☃\n\n")


def said(text: str = f"{USAGE} Hello") -> list[Any]:
    """One message of a user."""
    return [{"role": "user", "content": text}]


def fault(name: str, text: str = "Hello there, how do you do?") -> list[Any]:
    """A message that makes the provider fail in a certain way."""
    return said(f"<<fault={name}>> {text}")


def later(provider: Provider, key: str, do: Callable[[AsyncAnthropic], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine function with an async client of its own loop."""

    async def run() -> Any:
        http = httpx2.AsyncClient(verify=False, timeout=30)
        async with AsyncAnthropic(base_url=provider.url, api_key=key, max_retries=0, http_client=http) as client:
            return await do(client)

    return asyncio.run(run())


def message(**more: Any) -> dict[str, Any]:
    """A message as a plain answer."""
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": DATED}
    content = [{"type": "text", "text": "Hello"}]
    return {**head, "content": content, "stop_reason": "end_turn", "stop_sequence": None, "usage": BLOCK, **more}


def events(
    words: Iterable[str] = WORDS, *, start: Any = None, end: Any = None, last: str | None = "end_turn"
) -> list[dict[str, Any]]:
    """The events of a message; `start` and `end` are the usage blocks told there, `last` why it stops."""
    begun = message(content=[], stop_reason=None, usage={**BLOCK, "output_tokens": 3} if start is None else start)
    told = {k: v for k, v in BLOCK.items() if k not in ("cache_creation", "service_tier")} if end is None else end
    return [
        {"type": "message_start", "message": begun},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        {"type": "ping"},
        *({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": w}} for w in words),
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": last, "stop_sequence": None}, "usage": told},
        {"type": "message_stop"},
    ]


def sse(found: Iterable[dict[str, Any]], end: bytes = b"\n\n") -> list[bytes]:
    """Events as they go over the wire."""
    line = end[: len(end) // 2]
    return [
        b"event: " + event["type"].encode() + line + b"data: " + json.dumps(event, separators=(",", ":")).encode() + end
        for event in found
    ]


def streaming(pieces: httpx2.SyncByteStream | Sequence[bytes], **headers: str) -> httpx2.Response:
    """An answer that is an event stream."""
    body = pieces if isinstance(pieces, httpx2.SyncByteStream) else Pieces(pieces)
    return httpx2.Response(200, headers={"content-type": "text/event-stream; charset=utf-8", **headers}, stream=body)


def client_of(handler: Handler, base_url: str = URL, retries: int = 0) -> anthropic.Anthropic:
    """A client whose every request is answered by the handler."""
    http = httpx2.Client(transport=httpx2.MockTransport(handler))
    return anthropic.Anthropic(base_url=base_url, api_key="sk-test", http_client=http, max_retries=retries)


def async_client_of(handler: Handler, base_url: str = URL) -> AsyncAnthropic:
    """The same for coroutines."""
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(handler))
    return AsyncAnthropic(base_url=base_url, api_key="sk-test", http_client=http, max_retries=0)
