"""A real worker with forked pool processes, each of which ends after one task."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from celery import Celery  # type: ignore[import-untyped]
from tests.support.tracing import Called, call
from tests.support.waiting import until

from spanledger.block import run
from spanledger.semconv import names


@pytest.fixture
def worker(tmp_path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """`celery worker` with the prefork pool, on a broker of files."""
    for name in ("queue", "control", "processed"):
        (tmp_path / name).mkdir()
    command = [sys.executable, "-m", "celery", "-A", "prefork_app", "worker"]
    command += ["-P", "prefork", "-c", "2", "--max-tasks-per-child=1", "--without-mingle", "--without-gossip"]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(
            command,
            cwd=Path(__file__).parent,
            env={**os.environ, "PREFORK": str(tmp_path)},
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        yield process
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:  # Celery may miss the signal while it replaces a pool process
            os.killpg(process.pid, signal.SIGKILL)
            process.wait(20)


def _sender(folder: Path) -> Celery:
    options = {f"data_folder_{way}": str(folder / "queue") for way in ("in", "out")}
    options |= {"control_folder": str(folder / "control"), "processed_folder": str(folder / "processed")}
    app = Celery("sender", broker="filesystem://", set_as_current=False)
    app.conf.broker_transport_options = options
    return app


def _lines(file: Path, number: int) -> list[dict[str, Any]]:
    """The lines of a file, as soon as there are as many as expected."""
    came = until(lambda: file.exists() and len(file.read_text().splitlines()) >= number)
    assert came, (file.parent / "log").read_text()
    lines = file.read_text().splitlines()
    assert len(lines) == number
    return [json.loads(line) for line in lines]


@pytest.mark.usefixtures("worker")
def test_forked_workers_have_run_and_trace_of_the_sender_and_lose_no_span(tmp_path: Path) -> None:
    app = _sender(tmp_path)
    senders: dict[str, Called] = {}
    for number in range(3):
        with run(f"r{number}", tenant="t"):
            senders[f"r{number}"] = call()
            app.send_task("ask")
    alone = app.send_task("ask").id
    found = _lines(tmp_path / "found", 4)
    assert len({line.pop("pid") for line in found}) == 4
    by_run = {line.pop(names.SPANLEDGER_RUN_ID): line for line in found}
    tenant = {names.SPANLEDGER_TENANT_ID: "t"}
    assert by_run == {"r0": tenant, "r1": tenant, "r2": tenant, alone: {}}

    spans = _lines(tmp_path / "spans", 8)
    tasks = {s["attributes"][names.SPANLEDGER_RUN_ID]: s["ids"] for s in spans if s["name"] == "run/ask"}
    calls = {s["ids"][2]: s["ids"][0] for s in spans if s["name"] == "call"}
    for name, sender in senders.items():
        assert tasks[name][0] == sender.trace
        assert tasks[name][2] == sender.parent
    assert calls == {span_id: trace_id for trace_id, span_id, _ in tasks.values()}
    app.close()
