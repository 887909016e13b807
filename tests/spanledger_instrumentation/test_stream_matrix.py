"""Every kind of stream, read in every way: exact where the provider told the usage, else what was seen, as an estimate.

An estimate adds what was under way, two seconds at the rate seen. The clock here runs so fast that this is one token.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from tests.support import claude
from tests.support.asking import LEGACY, MODEL, said
from tests.support.telemetry import Telemetry

from provider import Provider
from spanledger.semconv import names
from spanledger_instrumentation.anthropic import AnthropicAdapter

#: What the provider bills: an answer of this length, and more than that it may not send.
INPUT, OUTPUT, CAP = 100, 200, 300
PROMPT = f"<<input={INPUT} output={OUTPUT}>> Tell me"
SLOW = f"<<input={INPUT} output={OUTPUT} gap_ms=2>> Tell me"
MUTE = f"<<input={INPUT} output={OUTPUT} fault=usage_missing>> Tell me"
CUT = f"<<input={INPUT} output={OUTPUT} fault=disconnect after=120>> Tell me"
#: Pieces of text after which a reader goes away, and what is under way then.
READ, UNDER_WAY = 3, 1

Options = dict[str, Any]


@dataclass(frozen=True)
class Api:
    """A way to ask for a stream: `ask` makes the arguments, `text` is what a chunk adds to the answer."""

    method: str
    ask: Callable[[str], Options]
    text: Callable[[Any], str]
    usage_is_asked_for: bool = False

    def open(self, client: Any, prompt: str, *, asked: bool) -> Any:
        """Begin a stream."""
        create = client
        for name in self.method.split("."):
            create = getattr(create, name)
        options: Options = {"stream_options": {"include_usage": True}} if asked else {}
        return create(stream=True, **self.ask(prompt), **options)


def _delta(chunk: Any) -> str:
    return (chunk.choices[0].delta.content or "") if chunk.choices else ""


APIS = {
    "chat": Api(
        "chat.completions.create",
        lambda prompt: {"model": MODEL, "messages": said(prompt), "max_completion_tokens": CAP},
        _delta,
        usage_is_asked_for=True,
    ),
    "completion": Api(
        "completions.create",
        lambda prompt: {"model": LEGACY, "prompt": prompt, "max_tokens": CAP},
        lambda chunk: chunk.choices[0].text if chunk.choices else "",
        usage_is_asked_for=True,
    ),
    "response": Api(
        "responses.create",
        lambda prompt: {"model": MODEL, "input": prompt, "max_output_tokens": CAP},
        lambda event: event.delta if event.type == "response.output_text.delta" else "",
    ),
    "message": Api(
        "messages.create",
        lambda prompt: {"model": claude.MODEL, "messages": claude.said(prompt), "max_tokens": CAP},
        lambda event: event.delta.text if event.type == "content_block_delta" else "",
    ),
}
CASES = [
    (name, asked) for name, api in APIS.items() for asked in ((False, True) if api.usage_is_asked_for else (False,))
]


class Fast:
    """A clock that is a quarter of an hour on whenever it is read."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        self.now += 900
        return self.now


class Reader:
    """Reads streams of one API in all the ways; `seen` are the pieces of text that came through."""

    def __init__(self, api: Api, provider: Provider, key: str, *, asked: bool, later: bool) -> None:
        self._api, self._provider, self._key, self._asked, self._later = api, provider, key, asked, later
        self.seen: list[str] = []

    def read(self, prompt: str, limit: int | None, error: type[BaseException] | None = None) -> None:
        """Read to the end, or until there were `limit` pieces; then leave, by this error if one is given."""
        if self._later:
            asyncio.run(self._read_later(prompt, limit, error))
            return
        with httpx2.Client(verify=False, timeout=30) as http, suppress(LookupError):
            self._read_now(self._api.open(self._client(http), prompt, asked=self._asked), limit, error)

    def _read_now(self, opened: Any, limit: int | None, error: type[BaseException] | None) -> None:
        with opened as stream:
            for chunk in stream:
                if self._enough(chunk, limit):
                    if error is not None:
                        raise error
                    return

    async def _read_later(self, prompt: str, limit: int | None, error: type[BaseException] | None) -> None:
        async def consume() -> None:
            async with httpx2.AsyncClient(verify=False, timeout=30) as http:
                stream = await self._api.open(self._client(http), prompt, asked=self._asked)
                async with stream:
                    async for chunk in stream:
                        if self._enough(chunk, limit):
                            if error is not None:
                                reading.cancel()
                                await asyncio.sleep(1)
                            return

        reading = asyncio.ensure_future(consume())
        with suppress(asyncio.CancelledError):
            await reading

    def _client(self, http: Any) -> Any:
        common: Options = {"api_key": self._key, "max_retries": 0, "http_client": http}
        if self._api is APIS["message"]:
            kind: Any = anthropic.AsyncAnthropic if self._later else anthropic.Anthropic
            return kind(base_url=self._provider.url, **common)
        kind = openai.AsyncOpenAI if self._later else openai.OpenAI
        return kind(base_url=self._provider.base_url, **common)

    def _enough(self, chunk: Any, limit: int | None) -> bool:
        if text := self._api.text(chunk):
            self.seen.append(text)
        return limit is not None and len(self.seen) >= limit

    @property
    def sent(self) -> int:
        """Events that the provider has sent: none has more than one token."""
        return int(self._provider.log(self._key)[-1]["events"])


@pytest.fixture(params=[False, True], ids=["sync", "async"])
def later(request: pytest.FixtureRequest) -> bool:
    """Whether coroutines read."""
    return bool(request.param)


@pytest.fixture(params=CASES, ids=[f"{name}-{'asked' if asked else 'unasked'}" for name, asked in CASES])
def reader(request: pytest.FixtureRequest, later: bool, provider: Provider, key: str) -> Reader:
    """Reads one API, whose app asks for usage itself or does not."""
    name, asked = request.param
    return Reader(APIS[name], provider, key, asked=asked, later=later)


@pytest.fixture
def fast(metered: Telemetry) -> Iterator[Telemetry]:
    """Both clients instrumented, on a clock that runs fast."""
    metered.calls.clock = Fast()
    adapter = AnthropicAdapter(metered.calls)
    adapter.install()
    yield metered
    adapter.uninstall()


def _estimated(telemetry: Telemetry, reader: Reader) -> int:
    """Assert that the only call is a priced estimate of what was seen, within 5 %; returns its output."""
    found = telemetry.attributes
    assert found[names.SPANLEDGER_USAGE_ESTIMATED] is True
    assert found[names.GEN_AI_USAGE_COST_AMOUNT] > 0
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] > 0
    output: int = found[names.GEN_AI_USAGE_OUTPUT_TOKENS]
    assert 0.95 * len(reader.seen) <= output - UNDER_WAY <= 1.05 * max(reader.sent, len(reader.seen))
    assert output <= CAP
    return output


def test_a_stream_that_is_read_to_its_end_is_exact(reader: Reader, fast: Telemetry) -> None:
    reader.read(PROMPT, None)
    found = fast.attributes
    assert (found[names.GEN_AI_USAGE_INPUT_TOKENS], found[names.GEN_AI_USAGE_OUTPUT_TOKENS]) == (INPUT, OUTPUT)
    assert names.SPANLEDGER_USAGE_ESTIMATED not in found
    assert len(reader.seen) == OUTPUT


def test_a_stream_whose_provider_tells_no_usage_is_estimated_within_five_percent(
    reader: Reader, provider: Provider, key: str, fast: Telemetry
) -> None:
    reader.read(MUTE, None)
    found = fast.attributes
    assert found[names.SPANLEDGER_USAGE_ESTIMATED] is True
    assert found[names.GEN_AI_USAGE_OUTPUT_TOKENS] == pytest.approx(provider.bill(key)["output_tokens"], rel=0.05)
    assert len(reader.seen) == OUTPUT


def test_a_stream_that_is_abandoned_is_charged_what_was_seen(reader: Reader, fast: Telemetry) -> None:
    reader.read(SLOW, READ)
    _estimated(fast, reader)
    assert fast.one.status.status_code.name == "UNSET"


def test_a_stream_that_is_cancelled_is_charged_what_was_seen(reader: Reader, fast: Telemetry) -> None:
    reader.read(SLOW, READ, error=LookupError)
    _estimated(fast, reader)


def test_a_stream_that_its_server_cuts_is_charged_what_was_seen(reader: Reader, fast: Telemetry) -> None:
    with pytest.raises((openai.APIConnectionError, anthropic.APIConnectionError, httpx2.TransportError)):
        reader.read(CUT, None)
    output = _estimated(fast, reader)
    assert len(reader.seen) > 100
    assert output == pytest.approx(len(reader.seen) + UNDER_WAY, rel=0.05)
    assert fast.one.status.status_code.name == "ERROR"
