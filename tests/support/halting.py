"""A runtime with budgets of its own, and what the provider saw of one account."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2
from langchain_openai import ChatOpenAI
from tests.support.telemetry import BOOK, Telemetry
from tests.support.telemetry import telemetry as new_telemetry

from provider import Provider
from spanledger.budget import inline
from spanledger.budget.sqlite.store import SqliteStore
from spanledger.budget.store import Counter, Store
from spanledger.guard import Guard
from spanledger_instrumentation.adapter import Adapter
from spanledger_instrumentation.langchain import LangChainAdapter
from spanledger_instrumentation.openai import OpenAIAdapter

MODEL = "gpt-4o-mini"
#: An answer of 100 output tokens costs 60 micro-USD.
ASK = "<<input=100 output=100>> Go on."


class Budgeted:
    """A process as far as budgets see one: what it spends is in the file, and it ends with `close`."""

    def __init__(self, budgets: str, file: Path, *more: type[Adapter]) -> None:
        self.store: Store = SqliteStore(file)
        self.guard = Guard(inline.parse(budgets), self.store, BOOK)
        self.telemetry: Telemetry = new_telemetry(guard=self.guard)
        calls, provider = self.telemetry.calls, self.telemetry.provider
        made: list[Adapter] = [OpenAIAdapter(calls), LangChainAdapter(calls, provider=provider)]
        self.adapters = [*made, *(adapter(calls) for adapter in more)]
        for adapter in self.adapters:
            adapter.install()

    def counter(self, run: str) -> Counter:
        return Counter("run/run", run, run, self.guard.register.budgets[0].unit)

    def spent(self, run: str) -> int:
        """Nano-USD."""
        return self.store.figure(self.counter(run)).committed

    def halted(self, run: str) -> bool:
        return self.store.figure(self.counter(run)).halted

    def spend(self, run: str, nano_usd: int) -> None:
        """Let the run have spent so much."""
        self.store.adjust(self.counter(run), nano_usd, reason="test", who="test")

    def raise_limit(self, run: str, nano_usd: int) -> None:
        self.store.raise_limit(self.counter(run), nano_usd, reason="test", who="test")

    def close(self) -> None:
        for adapter in reversed(self.adapters):
            adapter.uninstall()
        self.telemetry.runtime.shutdown()


@contextmanager
def budgeted(budgets: str, file: Path, *more: type[Adapter]) -> Iterator[Budgeted]:
    made = Budgeted(budgets, file, *more)
    try:
        yield made
    finally:
        made.close()


@contextmanager
def models(provider: Provider, key: str) -> Iterator[ChatOpenAI]:
    """A chat model of LangChain, sync and async, that does not retry by itself and asks for 100 tokens at most."""
    with ExitStack() as stack:
        http = stack.enter_context(httpx2.Client(verify=False, timeout=30))
        alone = httpx2.Limits(max_keepalive_connections=0)  # every event loop has connections of its own
        ahttp = httpx2.AsyncClient(verify=False, timeout=30, limits=alone)
        given: dict[str, Any] = {"http_client": http, "http_async_client": ahttp}
        given |= {"api_key": key, "base_url": provider.base_url, "max_retries": 0, "max_tokens": 100}
        yield ChatOpenAI(model=MODEL, **given)
