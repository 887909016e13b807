"""Latencies and failures as the metrics API tells them: those of a plain loop over all calls."""

from __future__ import annotations

from typing import Any

import pytest
from fastapi.testclient import TestClient
from hypothesis import given
from hypothesis import strategies as st
from tests.spanledger.service.conftest import ENTRIES
from tests.spanledger.service.metrics.conftest import QUESTIONS, check_speed, get, questions
from tests.support import ledger_oracle as oracle
from tests.support.serving import NOW

from spanledger.ledger.questions.filters import Filter, Window
from spanledger.ledger.questions.queries import GROUPS


@QUESTIONS
@given(asked=questions(), group=st.sampled_from(GROUPS))
def test_speeds_are_those_of_a_loop_over_all_calls(there: TestClient, asked: Any, group: str) -> None:
    window, only, parameters = asked
    found = oracle.matching(ENTRIES, window, only)
    shown = get(there, "/api/metrics/performance", **parameters, group_by=group)["performance"]
    check_speed(shown["all_operations"], found)
    for one in shown["top_operations"]:
        check_speed(one, [entry for entry in found if entry.operation == one["operation"]])
    keys = {one["key"] for one in shown["groups"]}
    assert keys == {oracle.value(entry, group) for entry in found}
    for one in shown["groups"]:
        check_speed(one, [entry for entry in found if oracle.value(entry, group) == one["key"]])


def test_the_admin_view_is_of_days(there: TestClient) -> None:
    end = int(-(-NOW // 60)) * 60
    found = oracle.matching(ENTRIES, Window(end - 2 * 86_400, end), Filter())
    sums, took = oracle.totals(found), oracle.latencies(found)
    shown = get(there, "/admin/llm-metrics", days=2)
    assert (shown["total_calls"], shown["total_cost_nano_usd"]) == (sums.calls, sums.cost)
    assert shown["avg_tokens_per_request"] == pytest.approx((sums.input + sums.output) / sums.calls)
    assert shown["error_rate"] == pytest.approx((sums.errors + sums.timeouts) / sums.calls, abs=1e-6)
    assert oracle.near(shown["p95_latency_ms"] * 1e6, took, 0.95)
    for one in get(there, "/admin/llm-performance", days=2)["operations"]:
        own = [entry for entry in found if entry.operation == one["operation"]]
        assert one["count"] == oracle.totals(own).calls
        assert oracle.near(one["p99_ms"] * 1e6, oracle.latencies(own), 0.99)
