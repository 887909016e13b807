"""A model of the simulated provider, and a file for the budgets of every test."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_openai import ChatOpenAI
from opentelemetry import context
from tests.support.halting import models

from provider import Provider
from spanledger.errors import PASSING

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # litellm would ask GitHub for prices as it is imported


@pytest.fixture
def model(provider: Provider, key: str) -> Iterator[ChatOpenAI]:
    with models(provider, key) as made:
        yield made


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "budgets.sqlite"


@pytest.fixture(autouse=True)
def _nothing_is_left() -> Iterator[None]:
    """No context is attached when a test is over, and no exception of ours is LangGraph's."""
    before = context.get_current()
    yield
    assert context.get_current() is before, "a context was left attached"
    assert PASSING == []
