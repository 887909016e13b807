"""What tests ask the simulated provider for: an answer of known tokens, and what that costs."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import httpx2
import openai
from openai import AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from provider import Provider

MODEL, EMBED, LEGACY = "gpt-4o-mini", "text-embedding-3-small", "gpt-3.5-turbo-instruct"
#: The usage block that the provider is asked to send. A legacy completion is cut at 16 tokens, its default.
USAGE = "<<input=100 cached=40 output=20 reasoning=5>>"
#: 60 tokens at 0.15 USD a million, 40 at 0.075, 20 at 0.60.
COST = 24e-6


def said(text: str = f"{USAGE} Hello") -> list[ChatCompletionMessageParam]:
    """One message of a user."""
    return [{"role": "user", "content": text}]


def fault(name: str, text: str = "Hello there, how do you do?") -> list[ChatCompletionMessageParam]:
    """A message that makes the provider fail in a certain way."""
    return said(f"<<fault={name}>> {text}")


def later(provider: Provider, key: str, do: Callable[[AsyncOpenAI], Coroutine[Any, Any, Any]]) -> Any:
    """Run a coroutine function with an async client of its own loop."""

    async def run() -> Any:
        http = httpx2.AsyncClient(verify=False, timeout=30)
        async with openai.AsyncOpenAI(
            base_url=provider.base_url, api_key=key, max_retries=0, http_client=http
        ) as client:
            return await do(client)

    return asyncio.run(run())
