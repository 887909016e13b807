"""The demo as a program: what it starts with, what it shows, how it ends."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TypeAlias

import httpx2
import pytest
from tests.support.waiting import until

from demo.child import App, environment
from demo.problems import DemoError

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
PROGRAM = [sys.executable, str(EXAMPLES / "demo")]
Done: TypeAlias = subprocess.CompletedProcess[str]
LEFT_OUT = ("OTEL_", "OPENAI_", "SPANLEDGER_", "COST_", "LANGSMITH_", "LANGCHAIN_")


def clean_environment() -> dict[str, str]:
    """Without anything the caller has set for telemetry or models."""
    return {name: value for name, value in os.environ.items() if not name.startswith(LEFT_OUT)}


def demo(*arguments: str, **variables: str) -> Done:
    """Run it to its end."""
    command, environ = [*PROGRAM, *arguments], clean_environment() | variables
    return subprocess.run(command, env=environ, capture_output=True, text=True, timeout=240, check=False)


def books(output: str) -> dict[str, dict[str, list[str]]]:
    """The figures of the table that holds provider and spans against each other, by model and book."""
    table = output[output.index("Tokens the provider billed") :]
    found: dict[str, dict[str, list[str]]] = {}
    model = ""
    for line in table.splitlines():
        row = re.match(r"(\S*)\s+(provider|spans)\s+((?:[\d,]+\s*){5})", line)
        if row:
            model = row[1] or model
            found.setdefault(model, {})[row[2]] = row[3].split()
    return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the program that runs once has its temporary files and its state."""
    return tmp_path_factory.mktemp("once")


@pytest.fixture(scope="module")
def once(folder: Path) -> Done:
    return demo("--once", "--no-forward", TMPDIR=str(folder), XDG_STATE_HOME=str(folder))


@pytest.mark.xdist_group("demo")
class TestOneRun:
    def test_one_run_ends_well_with_the_bill_of_the_provider(self, once: Done) -> None:
        assert once.returncode == 0, once.stdout + once.stderr
        found = books(once.stdout)
        assert set(found) == {"gpt-4.1-nano", "gpt-4o-mini", "gpt-5-mini", "text-embedding-3-small"}
        for model, pair in found.items():
            assert pair["spans"] == pair["provider"], model

    def test_one_run_names_stages_models_and_tenants_and_prices_every_call(self, once: Done) -> None:
        for title in ("Bill by stage", "Bill by model", "Bill by tenant"):
            assert title in once.stdout
        for name in ("profile_analyzer", "course_recommender", "summary_writer", "acme", "globex", "initech"):
            assert name in once.stdout
        assert re.search(r"^Total: \$0\.\d{6} \(provider usage\)$", once.stdout, re.MULTILINE)
        assert "unpriced" not in once.stdout

    def test_one_run_shows_every_request_as_a_tree(self, once: Done) -> None:
        assert len(re.findall(r"^✓ POST /recommend", once.stdout, re.MULTILINE)) == 5
        assert len(re.findall(r"^✗ POST /recommend", once.stdout, re.MULTILINE)) == 1
        assert re.search(r"└─ chat gpt-5-mini", once.stdout)
        assert "(1 retry)" in once.stdout

    def test_the_sum_of_the_metrics_is_the_total_of_the_spans(self, once: Done) -> None:
        total = re.search(r"^Total: (\$[\d.]+)", once.stdout, re.MULTILINE)
        measured = re.search(r"^Metrics: spanledger_cost_USD_total = (\$[\d.]+)", once.stdout, re.MULTILINE)

        assert total
        assert measured
        assert measured[1] == total[1]

    def test_one_run_leaves_no_files_and_says_how_to_see_the_dashboard(self, once: Done, folder: Path) -> None:
        assert list(folder.iterdir()) == []
        assert re.search(r"^dashboard comes with `make demo`", once.stdout, re.MULTILINE)

    def test_plain_output_has_no_control_characters(self, once: Done) -> None:
        assert "\x1b" not in once.stdout


@dataclass(frozen=True)
class Stayed:
    """What was seen of a demo that stays until Ctrl-C."""

    said: str
    """Up to the line that says how to end it."""
    metrics: str
    page: httpx2.Response
    """The dashboard's first page."""
    rest: str
    """Printed after a walk-in's request and Ctrl-C."""
    code: int
    group: int
    left: list[Path]
    """Files and folders that are still there."""


@pytest.fixture(scope="module")
def stayed(tmp_path_factory: pytest.TempPathFactory) -> Stayed:
    folder = tmp_path_factory.mktemp("stayed")
    environ = clean_environment() | {"TMPDIR": str(folder), "XDG_STATE_HOME": str(folder)}
    shown: list[str] = []
    with subprocess.Popen(
        [*PROGRAM, "--no-forward"], env=environ, stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        read_until(process.stdout, "Ctrl-C ends it", shown)
        said = "".join(shown)
        metrics = httpx2.get(address(r"^metrics +(http://\S+)", said)).text
        page = shown_with(total(said), address(r"^dashboard (http://127\.0\.0\.1:\d+/)$", said))
        app = address(r"recommender at (http://[\d.:]+)", said)
        httpx2.post(f"{app}/recommend", json={"goal": "learn SQL"}, headers={"x-tenant-id": "walk-in"}, timeout=60)
        read_until(process.stdout, "walk-in", shown)
        os.killpg(process.pid, signal.SIGINT)  # what a terminal does
        rest = process.stdout.read()
        code = process.wait(60)
    return Stayed(said, metrics, page, rest, code, process.pid, list(folder.iterdir()))


def address(pattern: str, said: str) -> str:
    """The one that is said so."""
    found = re.search(pattern, said, re.MULTILINE)
    assert found, said
    return found[1]


def total(said: str) -> str:
    """Of the bill, such as `$0.004219`."""
    return address(r"^Total: (\$[\d.]+) ", said)


def shown_with(text: str, url: str) -> httpx2.Response:
    """A page, once it has the text: the ledger comes a little after the spans."""
    until(lambda: text in httpx2.get(url).text)
    return httpx2.get(url)


@pytest.mark.xdist_group("demo")
class TestUntilCtrlC:
    def test_it_goes_on_with_metrics_and_shows_new_requests(self, stayed: Stayed) -> None:
        assert "spanledger_cost_USD_total" in stayed.metrics
        assert re.search(r"^walk-in +4 ", stayed.rest[stayed.rest.index("Bill by tenant") :], re.MULTILINE)

    def test_the_dashboard_has_the_total_of_the_bill_and_every_tenant(self, stayed: Stayed) -> None:
        assert stayed.page.status_code == 200
        for text in (total(stayed.said), "acme", "globex", "initech"):
            assert text in stayed.page.text

    def test_the_budgets_on_the_dashboard_refuse_nobody(self, stayed: Stayed) -> None:
        assert "tenant/day" in stayed.page.text
        assert "0 refused" in stayed.page.text

    def test_the_line_for_the_live_console_names_the_books_of_the_demo(self, stayed: Stayed) -> None:
        line = address(r"^top +(.+)$", stayed.said)

        assert re.fullmatch(r"SPANLEDGER_STORE=sqlite:///\S+/budgets\.sqlite \S+/spanledger top", line)

    def test_ctrl_c_ends_it_well_and_leaves_neither_processes_nor_files(self, stayed: Stayed) -> None:
        assert (stayed.code, stayed.left) == (0, [])
        with pytest.raises(ProcessLookupError):
            os.killpg(stayed.group, 0)


def read_until(output: IO[str], text: str, into: list[str]) -> None:
    """Read lines until one has the text."""
    for line in output:
        into.append(line)
        if text in line:
            return
    pytest.fail(f"{text!r} never came: {''.join(into)}")


def test_a_taken_port_is_one_sentence_and_exit_code_2() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = demo("--once", "--no-forward", "--port", str(port))

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        f"demo: port {port} on 127.0.0.1 is taken; choose another with --port, or 0 for a free one\n"
    )


def test_an_endpoint_for_grpc_is_one_sentence_and_exit_code_2() -> None:
    done = demo("--once", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:4317")

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:4317" in done.stderr


def test_what_the_app_says_of_its_settings_is_passed_on() -> None:
    environ = {**clean_environment(), "SPANLEDGER_PRICES": "/nowhere/prices.json", "PYTHONUNBUFFERED": "1"}

    with App(environ) as app:
        (said,) = app.complaints()
    assert said.startswith("SPANLEDGER_PRICES: the price file /nowhere/prices.json cannot be read")


def test_the_parent_may_say_whom_the_app_trusts() -> None:
    assert environment({"SPANLEDGER_TRUST": "off"}, "http://127.0.0.1:1", None, None)["SPANLEDGER_TRUST"] == "off"


def test_a_model_api_that_does_not_answer_is_named_with_its_variables() -> None:
    nowhere = {**clean_environment(), "OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "NO_PROXY": "127.0.0.1"}

    with pytest.raises(DemoError) as caught, App(nowhere):
        pass
    assert "model calls go to http://127.0.0.1:9/v1: check OPENAI_BASE_URL and OPENAI_API_KEY" in str(caught.value)


def test_the_app_is_instrumented_by_variables_alone() -> None:
    parent = {"PATH": "/bin", "OTEL_SDK_DISABLED": "true", "SPANLEDGER_BUDGETS": "run=1USD", "NO_PROXY": "host"}
    made = environment(parent, "http://127.0.0.1:1", "http://127.0.0.1:2/v1", "sk-x")

    assert made["OTEL_EXPORTER_OTLP_ENDPOINT"] == "http://127.0.0.1:1"
    assert made["OTEL_EXPORTER_OTLP_PROTOCOL"] == "http/protobuf"
    assert made["SPANLEDGER_TRUST"] == "headers"
    assert made["OPENAI_BASE_URL"] == "http://127.0.0.1:2/v1"
    assert made["SPANLEDGER_BUDGETS"] == "run=1USD"
    assert made["NO_PROXY"] == "host,127.0.0.1"
    assert "OTEL_SDK_DISABLED" not in made


def test_a_real_key_is_left_to_the_client() -> None:
    made = environment({"OPENAI_API_KEY": "sk-real"}, "http://127.0.0.1:1", None, "sk-real")

    assert made["OPENAI_API_KEY"] == "sk-real"
    assert "OPENAI_BASE_URL" not in made


def test_an_app_that_does_not_start_says_why() -> None:
    broken = {**clean_environment(), "RECOMMENDER_DATABASE": "/nowhere/at/all.sqlite", "OPENAI_API_KEY": "sk-x"}

    with pytest.raises(DemoError) as caught, App(broken):
        pass
    reason = "sqlite3.OperationalError: unable to open database file"
    assert str(caught.value) == f"the recommender did not start: {reason}"
