"""The main job: a script without our name, environment variables, and a real collector, Jaeger and Prometheus."""

import json
import math
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.stack.apps import running
from tests.stack.clients import Jaeger, Prometheus, Stack, eventually

import provider

pytestmark = pytest.mark.xdist_group("stack")

SCRIPT = """
import sys, uvicorn
from fastapi import FastAPI
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph

model = ChatOpenAI(model="gpt-4o-mini")
answer = lambda state: {"messages": [model.invoke(state["messages"])]}
graph = StateGraph(MessagesState).add_node("profile_analyzer", answer).add_node("course_recommender", answer)
agent = graph.add_edge(START, "profile_analyzer").add_edge("profile_analyzer", "course_recommender").compile()
app = FastAPI()

@app.get("/recommend")
def recommend(wish: str) -> str:
    return agent.invoke({"messages": [("user", wish)]})["messages"][-1].content

uvicorn.run(app, port=int(sys.argv[1]), log_level="error")
"""
QUESTIONS = 3


@dataclass(frozen=True)
class Told:
    """What the stack and the provider know of a run of the script."""

    spans: list[dict[str, Any]]
    billed: list[Any]
    service: str


def ask(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/recommend?wish=I+like+maps", timeout=20) as reply:
            return bool(json.load(reply))
    except OSError:
        return False


@pytest.fixture
def told(stack: Stack, jaeger: Jaeger, service: str, tmp_path: Path) -> Iterator[Told]:
    """The script, started under `opentelemetry-instrument` by environment variables alone, and asked three times."""
    environment = {
        "OTEL_SERVICE_NAME": service,
        "OTEL_METRIC_EXPORT_INTERVAL": "3000",  # longer than a scrape: the next export has no exemplar any more
    }
    with provider.serve() as simulated, running(SCRIPT, tmp_path, stack, simulated, **environment) as port:
        answers = [eventually(lambda: ask(port), bool, 40) for _ in range(QUESTIONS)]
        assert all(answers)
        yield Told(jaeger.spans(service, 5 * QUESTIONS), simulated.log(), service)


def path(span: dict[str, Any], by_id: dict[str, dict[str, Any]]) -> list[str]:
    """Names from the root down to a span."""
    parent = by_id.get(span.get("parentSpanId", ""))
    return [*(path(parent, by_id) if parent else []), span["name"]]


def test_a_script_without_our_name_gives_a_priced_trace_and_the_same_sum_in_prometheus(
    told: Told, prometheus: Prometheus
) -> None:
    by_id = {span["spanId"]: span for span in told.spans}
    chats = [span for span in told.spans if span["name"] == "chat gpt-4o-mini"]
    stages = ("profile_analyzer", "course_recommender")
    shapes = sorted(path(span, by_id) for span in chats)
    assert {(names[0], names[-2]) for names in shapes} == {("GET /recommend", stage) for stage in stages}
    assert len(chats) == len(told.billed) == 2 * QUESTIONS
    tokens = [int(span["attributes"]["gen_ai.usage.input_tokens"]) for span in chats]
    assert sum(tokens) == sum(entry["tokens"]["input_tokens"] for entry in told.billed)

    total = math.fsum(span["attributes"]["gen_ai.usage.cost.amount"] for span in chats)
    servers = [span for span in told.spans if span["name"] == "GET /recommend"]
    below = math.fsum(span["attributes"]["spanledger.cost.subtree"] for span in servers)
    assert len(servers) == QUESTIONS
    assert math.isclose(below, total, abs_tol=1e-9)
    selector = f'spanledger_cost_USD_total{{job="{told.service}"}}'
    assert prometheus.value(f"sum({selector})", total) == pytest.approx(total, abs=1e-9)
    traces = {exemplar["labels"]["trace_id"] for exemplar in prometheus.exemplars(selector)}
    assert traces
    assert traces <= {span["traceId"] for span in told.spans}
