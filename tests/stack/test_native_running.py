"""stack.py while it runs: what it prints, and how it ends."""

import json
import os
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.stack.clients import eventually

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.usefixtures("binaries")]

STACK = Path(__file__).resolve().parents[2] / "deploy" / "native" / "stack.py"


Running = tuple[subprocess.Popen[str], dict[str, Any]]


def command(state: Path | str, *arguments: str) -> list[str]:
    return [sys.executable, str(STACK), "--state-dir", str(state), *arguments]


def runs(pid: int) -> bool:
    """Whether a process is there and not just waiting to be reaped."""
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """A stack of this test's own: the process, and what it printed."""
    pipe = subprocess.PIPE
    arguments = command(tmp_path, "--ports", "auto", "--format", "json")
    environment = {**os.environ, "SPANLEDGER_STORE": "memory:"}
    with subprocess.Popen(arguments, stdout=pipe, stderr=pipe, text=True, env=environment) as process:
        assert process.stdout
        yield process, json.loads(process.stdout.readline())
        process.terminate()


def test_everything_it_prints_answers(running: Running) -> None:
    _, told = running
    pages = {
        "jaeger": "/api/v3/services",
        "prometheus": "/-/ready",
        "alertmanager": "/-/ready",
        "spanledger": "/readyz",
    }
    for name in (
        "jaeger",
        "prometheus",
        "alertmanager",
        "collector_metrics",
        "collector_self_metrics",
        "collector_health",
    ):
        with urllib.request.urlopen(told[name] + pages.get(name, ""), timeout=5) as answer:
            assert answer.status == 200, name
    with urllib.request.urlopen(told["spanledger"] + "/readyz", timeout=5) as answer:
        assert answer.status == 200
    for name in ("otlp_grpc", "otlp_http", "jaeger_otlp_grpc"):
        host, port = told[name].removeprefix("http://").split(":")
        socket.create_connection((host, int(port)), timeout=5).close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_all_of_it_in_good_order(running: Running, number: signal.Signals) -> None:
    process, told = running
    process.send_signal(number)

    assert process.communicate(timeout=30) == ("", "Stopping the stack.\n")
    assert process.returncode == 0
    assert [name for name, pid in told["pids"].items() if runs(pid)] == []
    assert "Shutdown complete" in (Path(told["state_dir"]) / "logs" / "collector.log").read_text()


def test_no_server_survives_a_stack_that_is_killed(running: Running) -> None:
    process, told = running
    process.kill()
    process.wait()

    alive = eventually(lambda: [name for name, pid in told["pids"].items() if runs(pid)], lambda names: not names, 5)
    assert alive == []


@pytest.mark.parametrize("name", ["collector", "jaeger", "prometheus", "alertmanager"])
def test_when_one_server_dies_it_is_named_and_the_rest_is_stopped(running: Running, name: str) -> None:
    process, told = running
    os.kill(told["pids"][name], signal.SIGKILL)

    said = process.communicate(timeout=30)[1]
    assert process.returncode == 1
    assert [other for other, pid in told["pids"].items() if runs(pid)] == []
    assert f"{name} ended by signal 9; the rest of the stack is stopped. The end of " in said
    assert f"{name}.log:\n    " in said


def test_a_second_stack_in_the_same_directory_is_refused(running: Running) -> None:
    _, told = running
    done = subprocess.run(
        command(told["state_dir"], "--ports", "auto"), capture_output=True, text=True, check=False, timeout=60
    )

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"Another stack runs in {told['state_dir']}: stop it, or name another --state-dir.\n"


def test_a_port_that_is_taken_is_named_with_the_way_out(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind(("127.0.0.1", 9093))
            taken.listen()
        except OSError:
            pass  # somebody else has it: just as good
        done = subprocess.run(command(tmp_path), capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.endswith(
        "is taken: stop the program that listens there, or choose free ports with --ports auto.\n"
    )


def test_a_state_directory_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = subprocess.run(
        command(tmp_path / "file", "--ports", "auto"), capture_output=True, text=True, check=False, timeout=60
    )

    assert done.returncode == 2
    assert done.stderr.startswith(f"The directory {tmp_path / 'file'} cannot be written (")
    assert done.stderr.endswith("name a writable one with --state-dir.\n")


def test_a_server_that_cannot_start_is_named_with_its_own_words(tmp_path: Path) -> None:
    (tmp_path / "alertmanager").touch()  # where Alertmanager wants a directory
    done = subprocess.run(command(tmp_path, "--ports", "auto"), capture_output=True, text=True, check=False, timeout=60)

    assert (done.returncode, done.stdout) == (1, "")
    assert "alertmanager ended with exit code 1; the rest of the stack is stopped." in done.stderr
    assert "not a directory" in done.stderr
