"""What the tests of the metrics API ask, and how they know what is right: a plain loop over all calls."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import settings
from hypothesis import strategies as st
from sqlalchemy import Engine
from tests.spanledger.service.conftest import ENTRIES
from tests.support import ledger_oracle as oracle
from tests.support.entries import BEGIN, DAYS, NANO
from tests.support.serving import asking, serving

from spanledger.ledger import Entry
from spanledger.ledger.questions.filters import Filter, Window

SINCE = BEGIN // NANO
QUESTIONS = settings(max_examples=15, deadline=None)


@pytest.fixture(scope="package")
def there(engine: Engine) -> TestClient:
    return asking(serving(engine))


def iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat()


@st.composite
def questions(draw: st.DrawFn) -> tuple[Window, Filter, dict[str, str]]:
    """A window and a filter, and the parameters that ask for them."""
    since = draw(st.integers(SINCE - 4000, SINCE + DAYS * 86_400))
    until = since + draw(st.sampled_from((1, 300, 3600, 21_600, 86_400, 4 * 86_400)))
    names = draw(st.sets(st.sampled_from(Filter.__slots__), max_size=2))
    wanted = {name: oracle.value(draw(st.sampled_from(ENTRIES)), name) for name in sorted(names)}
    only = Filter(**wanted)
    return Window.of(since, until), only, {**wanted, "since": iso(since), "until": iso(until)}


def get(client: TestClient, path: str, **asked: Any) -> Any:
    answer = client.get(path, params=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()


def check_speed(shown: dict[str, Any], found: list[Entry]) -> None:
    sums, took = oracle.totals(found), oracle.latencies(found)
    assert shown["count"] == sums.calls
    assert (shown["errors"], shown["timeouts"], shown["refused"]) == (sums.errors, sums.timeouts, sums.refused)
    assert shown["lost_attempts"] == sums.lost
    for name, share in (("p50_ms", 0.5), ("p95_ms", 0.95), ("p99_ms", 0.99)):
        value = shown[name]
        assert oracle.near(None if value is None else value * 1e6, took, share)
    if took:
        assert shown["avg_ms"] == pytest.approx(sum(took) / len(took) / 1e6, abs=0.001)
        assert shown["error_rate_percent"] == pytest.approx(100 * (sums.errors + sums.timeouts) / sums.calls, abs=1e-4)
    else:
        assert shown["avg_ms"] is shown["error_rate_percent"] is None
