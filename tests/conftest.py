"""What all tests share: telemetry kept in memory, a simulated provider, clients, and a watch over our own failures."""

from __future__ import annotations

import signal
import uuid
from collections import Counter
from collections.abc import Iterator

import httpx2
import openai
import pytest
from hypothesis import HealthCheck, settings
from opentelemetry import context
from tests.support.telemetry import Telemetry
from tests.support.telemetry import telemetry as new_telemetry

from provider import Provider, serve
from spanledger.errors import Contained
from spanledger_instrumentation.openai import OpenAIAdapter

#: A slow machine is no failure: an example may take as long as it takes.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")

#: What a shell runs in the background is deaf to Ctrl-C, and so is what that starts; some that tests start are to hear.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _state(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The user's own books are none of the tests' business: what keeps state by default keeps it here."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("state")))
        yield


@pytest.fixture
def failures() -> Counter[tuple[str, str]]:
    """Failures of ours by component and class; a test that asks for it expects some."""
    return Contained.counts


@pytest.fixture(autouse=True)
def _nothing_of_ours_fails(request: pytest.FixtureRequest) -> Iterator[None]:
    """A failure of ours never reaches the app, so each test looks for it where it is counted."""
    Contained.counts.clear()
    yield
    counted = dict(Contained.counts)
    Contained.counts.clear()
    if "failures" not in request.fixturenames:
        assert counted == {}, "spanledger contained failures of its own"


@pytest.fixture
def telemetry() -> Iterator[Telemetry]:
    """A runtime on providers of its own, without adapters. The context must be as it was when the test is over."""
    before = context.get_current()
    made = new_telemetry()
    yield made
    made.runtime.shutdown()
    assert context.get_current() is before, "a context was left attached"


@pytest.fixture
def metered(telemetry: Telemetry) -> Iterator[Telemetry]:
    """The same with the OpenAI client instrumented."""
    adapter = OpenAIAdapter(telemetry.calls)
    adapter.install()
    yield telemetry
    adapter.uninstall()


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    """A simulated provider on loopback."""
    with serve() as running:
        yield running


@pytest.fixture
def key() -> str:
    """An API key of this test alone: the provider bills by key."""
    return f"sk-{uuid.uuid4().hex}"


@pytest.fixture(scope="session")
def http() -> Iterator[httpx2.Client]:
    """Connections that all clients share: to make them takes longer than most tests."""
    with httpx2.Client(verify=False, timeout=30) as shared:
        yield shared


@pytest.fixture
def client(provider: Provider, key: str, http: httpx2.Client) -> openai.OpenAI:
    """A client that does not retry."""
    return openai.OpenAI(base_url=provider.base_url, api_key=key, max_retries=0, http_client=http)
