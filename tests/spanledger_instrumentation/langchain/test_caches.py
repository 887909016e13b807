"""LangChain's caches: what they answer is an event, and a call that they could not spare says so in the ledger."""

from __future__ import annotations

import asyncio
import pickle
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import openai
import pytest
from langchain_core.caches import BaseCache, InMemoryCache
from langchain_core.globals import set_llm_cache
from langchain_openai import ChatOpenAI, OpenAI
from pydantic import SecretStr
from sqlalchemy import select
from tests.support.asking import LEGACY, MODEL, USAGE
from tests.support.telemetry import Telemetry, telemetry

from provider import Provider
from spanledger import scope
from spanledger.config import Settings
from spanledger.ledger import Recorder, database, schema
from spanledger.scope import Scope, inside
from spanledger.semconv import names
from spanledger_instrumentation.langchain import LangChainAdapter
from spanledger_instrumentation.openai import OpenAIAdapter

TEXT = f"{USAGE} Hello"


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Telemetry]:
    """LangChain and the OpenAI client metered, with a ledger."""
    made = telemetry(Settings(store="memory:", database_url=f"sqlite://{tmp_path}/calls.sqlite"))
    adapters = [OpenAIAdapter(made.calls), LangChainAdapter(made.calls, provider=made.provider)]
    for adapter in adapters:
        adapter.install()
    yield made
    set_llm_cache(None)
    for adapter in reversed(adapters):
        adapter.uninstall()
    made.runtime.shutdown()


@pytest.fixture
def model(provider: Provider, key: str) -> Iterator[Any]:
    """Makes models that ask the simulated provider."""
    with openai.DefaultHttpxClient() as client:

        def made(kind: Any = ChatOpenAI, **options: Any) -> Any:
            return kind(
                model=LEGACY if kind is OpenAI else MODEL,
                base_url=provider.base_url,
                api_key=SecretStr(key),
                max_retries=0,
                http_client=client,
                **{"http_async_client": openai.DefaultAsyncHttpxClient(), **options},
            )

        yield made


def table(kept: Telemetry, of: Any) -> list[dict[str, Any]]:
    """A table of the ledger, with everything in it."""
    assert isinstance(kept.calls.ledger, Recorder)
    kept.calls.ledger.drain_now()
    url = kept.runtime.settings.database_url
    assert url is not None
    with database.reading(database.engine(url)) as connection:
        return [dict(row) for row in connection.execute(select(of).order_by(of.c.id)).mappings()]


class Filed(BaseCache):
    """A cache of the app's own, in files."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def _file(self, prompt: str, llm_string: str) -> Path:
        return self._folder / sha256((prompt + llm_string).encode()).hexdigest()

    def lookup(self, prompt: str, llm_string: str) -> Any:
        file = self._file(prompt, llm_string)
        return pickle.loads(file.read_bytes()) if file.exists() else None

    def update(self, prompt: str, llm_string: str, return_val: Any) -> None:
        self._file(prompt, llm_string).write_bytes(pickle.dumps(return_val))

    def clear(self, **kwargs: Any) -> None:
        for file in self._folder.iterdir():
            file.unlink()


class Tiered(BaseCache):
    """A cache that asks another one."""

    def __init__(self, behind: BaseCache) -> None:
        self._behind = behind

    def lookup(self, prompt: str, llm_string: str) -> Any:
        return self._behind.lookup(prompt, llm_string)

    async def alookup(self, prompt: str, llm_string: str) -> Any:
        return await self._behind.alookup(prompt, llm_string)

    def update(self, prompt: str, llm_string: str, return_val: Any) -> None:
        self._behind.update(prompt, llm_string, return_val)

    def clear(self, **kwargs: Any) -> None:
        self._behind.clear(**kwargs)


def test_the_first_question_misses_and_its_call_says_so_the_second_hits_and_makes_none(
    kept: Telemetry, model: Any
) -> None:
    set_llm_cache(InMemoryCache())
    with scope.Held(inside(Scope(run="r", stage="plan", tenant="acme"))):
        first, second = model().invoke(TEXT), model().invoke(TEXT)
    assert first.content == second.content
    [call] = table(kept, schema.calls)
    assert call["cache"] == "miss"
    events = table(kept, schema.cache_events)
    assert [(event["layer"], event["hit"]) for event in events] == [("langchain", False), ("langchain", True)]
    assert {(event["run"], event["stage"], event["tenant"]) for event in events} == {("r", "plan", "acme")}


def test_a_call_without_a_cache_says_nothing_of_one(kept: Telemetry, model: Any) -> None:
    model(cache=InMemoryCache()).invoke(TEXT)
    model().invoke(TEXT)
    assert sorted(str(row["cache"]) for row in table(kept, schema.calls)) == ["None", "miss"]


@pytest.mark.parametrize("tiered", [False, True], ids=["alone", "behind another"])
@pytest.mark.parametrize("own", [False, True], ids=["in memory", "the app's own"])
def test_async_models_ask_once_whatever_asks_what_behind_the_cache(
    kept: Telemetry, model: Any, tmp_path: Path, own: bool, tiered: bool
) -> None:
    (tmp_path / "answers").mkdir()
    cache: BaseCache = Filed(tmp_path / "answers") if own else InMemoryCache()

    async def twice() -> None:
        async with openai.DefaultAsyncHttpxClient() as client:
            asked = model(cache=Tiered(cache) if tiered else cache, http_async_client=client)
            await asked.ainvoke(TEXT)
            await asked.ainvoke(TEXT)

    asyncio.run(twice())
    assert [event["hit"] for event in table(kept, schema.cache_events)] == [False, True]
    assert [row["cache"] for row in table(kept, schema.calls)] == ["miss"]


def test_batches_ask_for_each_prompt(kept: Telemetry, model: Any) -> None:
    asked = model(cache=InMemoryCache())
    asked.invoke(f"{TEXT} 1")
    asked.batch([f"{TEXT} 1", f"{TEXT} 2", f"{TEXT} 3"])
    assert sum(event["hit"] for event in table(kept, schema.cache_events)) == 1
    assert [row["cache"] for row in table(kept, schema.calls)] == ["miss"] * 3


def test_models_of_plain_text_ask_too(kept: Telemetry, model: Any) -> None:
    set_llm_cache(InMemoryCache())
    for _ in range(2):
        model(OpenAI).invoke("Say hello")
    assert [event["hit"] for event in table(kept, schema.cache_events)] == [False, True]
    assert [row["cache"] for row in table(kept, schema.calls)] == ["miss"]


def test_the_metric_counts_them(kept: Telemetry, model: Any) -> None:
    asked = model(cache=InMemoryCache())
    for _ in range(3):
        asked.invoke(TEXT)
    found = {p[names.SPANLEDGER_CACHE_RESULT]: n for p, n in kept.points(names.METRIC_SPANLEDGER_CACHE_EVENTS[0])}
    assert found == {"hit": 2, "miss": 1}


def test_a_cache_that_fails_fails_as_it_would(kept: Telemetry, model: Any) -> None:
    class Broken(InMemoryCache):
        def lookup(self, prompt: str, llm_string: str) -> Any:
            raise ConnectionError("no cache today")

    with pytest.raises(ConnectionError, match="no cache today"):
        model(cache=Broken()).invoke(TEXT)
    kept.runtime.shutdown()
    assert not (Path(str(kept.runtime.settings.database_url).removeprefix("sqlite://"))).exists()


def test_uninstalled_every_cache_is_as_it_was_and_new_ones_are_left_alone(kept: Telemetry) -> None:
    before = vars(InMemoryCache)["lookup"]
    adapter = LangChainAdapter(kept.calls)
    adapter.install()
    adapter.uninstall()
    assert vars(InMemoryCache)["lookup"] is before
