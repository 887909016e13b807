"""A provider for each test, and the real client that talks to it."""

from __future__ import annotations

from collections.abc import Iterator

import openai
import pytest

from provider import Provider, Settings, serve

KEY = "sk-simulated"


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.setenv(name, "127.0.0.1")


@pytest.fixture
def settings() -> Settings:
    """How the provider of a test behaves; a test may override it."""
    return Settings()


@pytest.fixture
def provider(settings: Settings) -> Iterator[Provider]:
    with serve(settings) as running:
        yield running


@pytest.fixture
def client(provider: Provider) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=provider.base_url, api_key=KEY, max_retries=0) as client:
        yield client
