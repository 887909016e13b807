"""A run that has spent its budget: 429 for the caller, and a trace in a real Jaeger that says why."""

import json
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from tests.stack.apps import running
from tests.stack.clients import Jaeger, Prometheus, Stack, attributes_of, eventually
from tests.stack.test_first_trace import SCRIPT

import provider

pytestmark = pytest.mark.xdist_group("stack")

#: Room for one call of the two agents: the cap that fits is put into it, and what it leaves is too little for another.
LIMIT = 0.0002


def asked(port: int) -> urllib.error.HTTPError | None:
    """The refusal of a request, None while the app is not there."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/recommend?wish=<<output=150>>", timeout=20)
    except urllib.error.HTTPError as error:
        return error
    except OSError:
        return None
    raise AssertionError("the budget let both agents ask")


def test_a_halted_run_answers_429_and_its_trace_and_metrics_say_why(
    stack: Stack, jaeger: Jaeger, prometheus: Prometheus, service: str, tmp_path: Path
) -> None:
    environment = {
        "OTEL_SERVICE_NAME": service,
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "SPANLEDGER_BUDGETS": f"run={LIMIT}USD",
        "SPANLEDGER_STORE": f"sqlite://{tmp_path}/books.sqlite",
    }
    with provider.serve() as simulated, running(SCRIPT, tmp_path, stack, simulated, **environment) as port:
        refused = eventually(lambda: asked(port), lambda found: found is not None, 40)
        assert refused is not None
        problem = json.load(refused)
        spans = jaeger.spans(service, 5)
        limit = prometheus.value(f'max(spanledger_budget_limit_USD{{job="{service}"}})', LIMIT)
        refusals = prometheus.value(f'sum(spanledger_budget_refusals_total{{job="{service}"}})', 1)
    assert (refused.code, refused.headers["content-type"]) == (429, "application/problem+json")
    assert (problem["budget"], problem["kind"], problem["limit"]) == ("run/run", "insufficient", "0.000200000")
    assert (limit, refusals) == (LIMIT, 1)
    assert len(simulated.log()) == 1
    chats = [span for span in spans if span["name"] == "chat gpt-4o-mini"]
    (no,) = [span for span in chats if span["attributes"].get("error.type") == "spanledger.BudgetExceeded"]
    (event,) = [event for event in no["events"] if event["name"] == "spanledger.budget.halt"]
    said = attributes_of(event)
    assert said["spanledger.budget.name"] == "run/run"
    assert said["spanledger.budget.limit"] == LIMIT
    assert said["spanledger.budget.spent"] + said["spanledger.budget.needed"] > LIMIT
