"""A graph whose run is halted goes on in another process where it stopped, on the account of the same run."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.graph import START
from langgraph.types import Command, interrupt
from tests.spanledger_instrumentation.halts.graphs import Nodes, State, empty, row, thread
from tests.support.halting import ASK, Budgeted, budgeted
from tests.support.postgres import postgres

import spanledger
from provider import Provider
from spanledger import scope
from spanledger.budget.sqlite.store import SqliteStore
from spanledger.semconv import names

#: Room for the first two of the calls of a graph, each 75 micro-USD of at most 90.
BUDGET = "run=0.000200USD"
SPANLEDGER = str(Path(sys.executable).with_name("spanledger"))


@pytest.fixture
def checkpoints(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where checkpoints are kept: a file, or a server."""
    if request.param == "sqlite":
        yield str(tmp_path / "checkpoints.sqlite")
    else:
        with postgres() as url:
            yield url


def in_process(
    provider: Provider, key: str, file: Path, checkpoints: str, given: object, way: str = "invoke"
) -> dict[str, Any]:
    """Run the graph in a process of its own, instrumented by environment alone; what it says."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "SPANLEDGER_", "COST_", "PYTHONPATH"))}
    env = kept | {
        "OPENAI_BASE_URL": provider.base_url,
        "OPENAI_API_KEY": key,
        "SPANLEDGER_BUDGETS": BUDGET,
        "SPANLEDGER_STORE": f"sqlite://{file}",
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    app = Path(__file__).with_name("resumed_app.py")
    done = subprocess.run(
        [SPANLEDGER, "run", "--", sys.executable, str(app), checkpoints, json.dumps(given), way],
        env=env, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def cli(file: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "SPANLEDGER_BUDGETS": BUDGET, "SPANLEDGER_STORE": f"sqlite://{file}"}
    command = [SPANLEDGER, "budgets", *arguments]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=True)


@pytest.mark.parametrize(
    ("checkpoints", "way"), [("sqlite", "invoke"), ("postgres", "ainvoke")], indirect=["checkpoints"]
)
def test_another_process_goes_on_where_the_halt_was_and_pays_from_the_same_budget(
    provider: Provider, key: str, file: Path, checkpoints: str, way: str
) -> None:
    first = in_process(provider, key, file, checkpoints, {"thread": key, "input": {"done": []}}, way)
    assert (first["ran"], first["error"]) == (["a", "b", "c"], "insufficient")
    ((counter, figures),) = SqliteStore(file).figures().items()
    assert (counter.value, figures.committed, figures.halted) == (first["run"], 150_000, True)
    assert "  $8.00  " in cli(file, "raise", first["run"], "--to", "8").stdout
    last = in_process(provider, key, file, checkpoints, {"thread": key, "input": None}, way)
    assert (last["ran"], last["error"], last["done"]) == (["c", "d"], None, ["a", "b", "c", "d"])
    ((counter, figures),) = SqliteStore(file).figures().items()
    assert (counter.value, figures.committed) == (first["run"], 300_000)
    assert provider.bill(key)["requests"] == 4
    assert first["trace"] != last["trace"]


def halted(one: Budgeted, graph: Any, config: Any) -> str:
    """Run a graph until its run is halted; the run."""
    with pytest.raises(spanledger.BudgetExceeded) as caught:
        graph.invoke({"done": []}, config)
    assert caught.value.refusal.halted
    return caught.value.refusal.window


def test_nothing_begins_until_somebody_decides(provider: Provider, key: str, model: Any, file: Path) -> None:
    with budgeted(BUDGET, file) as one:
        nodes = Nodes(model)
        graph = row(nodes, checkpointer=InMemorySaver())
        halted(one, graph, thread())
        with pytest.raises(spanledger.BudgetExceeded):
            graph.invoke(None, thread())
    assert nodes.ran == ["a", "b", "c"]
    assert provider.bill(key)["requests"] == 2


def test_a_graph_that_is_taken_up_inside_a_request_continues_its_own_run(model: Any, file: Path) -> None:
    with budgeted(BUDGET, file) as one:
        nodes = Nodes(model)
        graph = row(nodes, checkpointer=InMemorySaver())
        run = halted(one, graph, thread())
        one.raise_limit(run, 10**9)
        with spanledger.run(tenant="acme"):
            graph.invoke(None, thread())
        assert nodes.ran == ["a", "b", "c", "c"]
        assert one.spent(run) == 225_000
        call = one.telemetry.said[-1]
    assert (call[names.SPANLEDGER_RUN_ID], call[names.SPANLEDGER_TENANT_ID]) == (run, "acme")


def test_a_run_that_the_code_names_itself_pays_for_what_it_takes_up(model: Any, file: Path) -> None:
    with budgeted(BUDGET, file) as one:
        graph = row(Nodes(model), checkpointer=InMemorySaver())
        halted(one, graph, thread())
        with spanledger.run("r-2"):
            graph.invoke(None, thread())
        assert one.spent("r-2") == 75_000


def test_the_next_turn_of_a_conversation_is_a_run_of_its_own(model: Any, file: Path) -> None:
    with budgeted(BUDGET, file) as one:
        graph = row(Nodes(model), "a", checkpointer=InMemorySaver())
        for run in ("r-1", "r-2"):
            with spanledger.run(run):
                graph.invoke({"done": []}, thread())
            assert graph.get_state(thread()).metadata[names.SPANLEDGER_RUN_ID] == run
        assert (one.spent("r-1"), one.spent("r-2")) == (75_000, 75_000)


def test_an_answer_to_an_interrupt_is_work_of_the_same_run(model: Any, file: Path) -> None:
    def ask(_: State) -> State:
        return {"done": [interrupt("go on?"), model.invoke(ASK).response_metadata["model_name"]]}

    with budgeted(BUDGET, file) as one:
        graph = empty().add_node("ask", ask).add_edge(START, "ask").compile(checkpointer=InMemorySaver())
        with spanledger.run(user="u"):
            run = scope.current().run
            graph.invoke({"done": []}, thread())
        with spanledger.run(user="u"):
            graph.invoke(Command(resume="yes"), thread())
        assert run is not None
        assert one.spent(run) == 75_000


def test_without_a_budget_checkpoints_are_as_ever(model: Any, file: Path) -> None:
    with budgeted("run=1USD,action=warn", file):
        graph = row(Nodes(model), "a", checkpointer=InMemorySaver())
        graph.invoke({"done": []}, thread())
        assert names.SPANLEDGER_RUN_ID not in graph.get_state(thread()).metadata


def test_checkpoints_that_are_written_at_the_end_alone_are_enough(model: Any, file: Path) -> None:
    with budgeted(BUDGET, file) as one:
        nodes = Nodes(model)
        graph = row(nodes, checkpointer=InMemorySaver())
        with pytest.raises(spanledger.BudgetExceeded) as caught:
            asyncio.run(graph.ainvoke({"done": []}, thread(), durability="exit"))
        run = caught.value.refusal.window
        one.raise_limit(run, 10**9)
        graph.invoke(None, thread(), durability="exit")
        assert nodes.ran == ["a", "b", "c", "c"]
        assert one.spent(run) == 225_000
