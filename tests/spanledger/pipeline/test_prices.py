"""What prices of one's own, broken ones, and unknown fees make of a span and of the metrics."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import pytest
from tests.support.telemetry import Telemetry

from spanledger.config import Settings
from spanledger.messages import Answer, Request
from spanledger.pipeline.runtime import Runtime
from spanledger.semconv import names
from spanledger.usage import Units, Usage


def called(telemetry: Telemetry, model: str, usage: Usage) -> dict[str, Any]:
    """The attributes of a call's span."""
    telemetry.calls.start(Request("chat", "anthropic", model)).succeed(Answer(usage))
    (span,) = telemetry.spans
    return dict(span.attributes or {})


def test_a_call_that_is_priced_in_part_has_the_known_amount_and_says_what_is_missing(telemetry: Telemetry) -> None:
    found = called(telemetry, "claude-sonnet-5", Usage(input=1_000, output=200, units=Units(code_executions=1)))
    assert found[names.SPANLEDGER_PRICE_STATUS] == "unpriced"
    assert found[names.SPANLEDGER_PRICE_MISSING] == ("code_executions",)
    assert found[names.GEN_AI_USAGE_COST_AMOUNT] == 0.004
    assert [value for _, value in telemetry.points("spanledger.unpriced_calls")] == [1]
    assert [value for _, value in telemetry.points("spanledger.cost")] == [pytest.approx(0.004)]


def test_a_call_that_is_priced_in_full_misses_nothing(telemetry: Telemetry) -> None:
    found = called(telemetry, "claude-sonnet-5", Usage(input=1_000, output=200, web_searches=1))
    assert found[names.SPANLEDGER_PRICE_STATUS] == "priced"
    assert names.SPANLEDGER_PRICE_MISSING not in found
    assert telemetry.points("spanledger.unpriced_calls") == []


def test_a_price_file_that_cannot_be_used_is_told_once_and_nothing_is_priced(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "wrong.yaml").write_text("prices: 7")
    with caplog.at_level(logging.WARNING, "spanledger"):
        runtime = Runtime.of(Settings(prices=str(tmp_path / "wrong.yaml")))
        runtime.say_problems()
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith("SPANLEDGER_PRICES: the price file")
    assert "line 1, prices: must be a list" in line
    assert runtime.book.price(Usage(input=1), provider="openai", model="gpt-4o") is None


def test_prices_of_ones_own_are_used_by_the_runtime(tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("prices: [{provider: openai, model: gpt-4o, input: 1, output: 1}]")
    book = Runtime.of(Settings(prices=str(tmp_path / "mine.yaml"))).book
    price = book.price(Usage(input=1_000), provider="openai", model="gpt-4o")
    assert price is not None
    assert (price.nano_usd, price.version.partition("@")[0]) == (1_000_000, "mine")
