"""From an app over a real collector and the service into the ledger: nothing is lost, and nothing counts twice."""

from __future__ import annotations

import itertools
import json
import os
import random
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from spanstack import ports, services
from spanstack.services import Setting
from sqlalchemy import Engine, func, select
from tests.stack.clients import Launch, eventually
from tests.stack.conftest import QUICK
from tests.support import foreign, ledger_databases, sending
from tests.support.postgres import postgres as started

import provider
from spanledger.call import SCOPE_NAME
from spanledger.ledger import database, schema
from spanledger.ledger.migrate import migrate
from spanledger.ledger.questions import queries
from spanledger.ledger.questions.filters import Window
from spanledger.semconv import names

pytestmark = pytest.mark.xdist_group("stack")

CALLS, TOGETHER = 10_000, 250
NANO = 10**9
TENANTS = ("acme", "globex", "ann@example.com")


class Made(NamedTuple):
    """A call as it was sent, and what it cost as the test works it out."""

    span: Span
    ours: bool
    tenant: str
    cost: int
    tokens: int


def calls(dice: random.Random) -> Iterator[Made]:
    """Half of them metered by an adapter of ours, half told by somebody else's spans, which the service prices."""
    for number in range(CALLS):
        read, wrote, tenant = dice.randrange(5000), dice.randrange(500), dice.choice(TENANTS)
        said = {
            **foreign.CHAT,
            names.GEN_AI_USAGE_INPUT_TOKENS: read,
            names.GEN_AI_USAGE_OUTPUT_TOKENS: wrote,
            names.SPANLEDGER_TENANT_ID: tenant,
            names.GEN_AI_INPUT_MESSAGES: "a prompt that nobody stores",
        }
        ours, cost = number % 2 == 0, read * 150 + wrote * 600
        if ours:
            cost = dice.randrange(10**9)
            said |= {
                names.SPANLEDGER_CALL_ID: f"{time.time_ns():016x}{dice.getrandbits(64):016x}",
                names.GEN_AI_USAGE_COST_AMOUNT: cost / NANO,
                names.GEN_AI_USAGE_COST_SOURCE: "local",
                names.SPANLEDGER_PRICE_STATUS: "priced",
                names.SPANLEDGER_BUDGET_HOLD: f"hold-{number}",
                names.SPANLEDGER_BUDGET_CHARGES: [f'["tenant/total","{tenant}","total","USD",{cost}]'],
            }
        yield Made(sending.span(said, start=-60 + dice.random()), ours, tenant, cost, read + wrote)


def batches(made: list[Made], dice: random.Random) -> list[bytes]:
    """Requests in which every tenth call comes twice, in no order."""
    told = [*made, *dice.sample(made, CALLS // 10)]
    dice.shuffle(told)
    found = []
    for ours in (True, False):
        spans = [one.span for one in told if one.ours is ours]
        library = SCOPE_NAME if ours else "opentelemetry.instrumentation.openai.v1"
        found += [
            sending.body(*spans[first : first + TOGETHER], library=library) for first in range(0, len(spans), TOGETHER)
        ]
    dice.shuffle(found)
    return found


def send(url: str, data: bytes) -> None:
    """As an SDK does: again, until the collector has taken it."""
    asked = urllib.request.Request(url + "/v1/traces", data, sending.PROTOBUF)
    for _ in range(100):
        try:
            with urllib.request.urlopen(asked, timeout=10):
                return
        except (OSError, urllib.error.URLError):
            time.sleep(0.1)
    raise AssertionError("the collector took nothing for ten seconds")


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with started() as found:
        yield found


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/calls.sqlite"
    made = ledger_databases.database(request.getfixturevalue("server"))
    migrate(database.engine(made))
    return made


def test_ten_thousand_calls_are_in_the_ledger_once_though_service_and_collector_are_killed(
    setting: Setting, launch: Launch, url: str
) -> None:
    dice = random.Random(8320)
    made = list(calls(dice))
    sent = batches(made, dice)
    environment = {**QUICK, "SPANLEDGER_DATABASE_URL": url, "SPANLEDGER_SERVICE_RATE": "100000/second"}
    service = launch(services.spanledger(setting), environment)
    collector = launch(services.collector(setting))
    door = ports.url(setting.ports.otlp_http)
    for number, data in enumerate(sent):
        send(door, data)
        if number == len(sent) // 3:
            service.kill()
        if number == 2 * len(sent) // 3:
            collector.kill()
            collector.wait()
            collector = launch(services.collector(setting))
            service = launch(services.spanledger(setting), environment)

    engine = database.engine(url)

    def count() -> int:
        with engine.connect() as connection:
            return int(connection.scalar(select(func.count()).select_from(schema.calls)) or 0)

    assert eventually(count, lambda found: found == CALLS, 60) == CALLS
    assert_equal_to_the_oracle(engine, made)


def assert_equal_to_the_oracle(engine: Engine, made: list[Made]) -> None:
    """Rows, sums by tenant from the rollups, and what budgets were charged."""
    costs, tokens, charged = Counter[str](), Counter[str](), Counter[str]()
    for one in made:
        costs[one.tenant] += one.cost
        tokens[one.tenant] += one.tokens
        charged[one.tenant] += one.cost if one.ours else 0
    now = int(time.time()) // 60 * 60
    with engine.connect() as connection:
        rows = connection.execute(
            select(schema.calls.c.tenant, func.sum(schema.calls.c.cost)).group_by(schema.calls.c.tenant)
        )
        assert {tenant: int(cost) for tenant, cost in rows} == costs
        found = queries.by(connection, "tenant", Window(now - 3600, now + 3600))
        assert {tenant: one.cost for tenant, one in found.items()} == costs
        assert {tenant: one.input + one.output for tenant, one in found.items()} == tokens
        rows = connection.execute(
            select(schema.charges.c.scope_value, func.sum(schema.charges.c.amount)).group_by("scope_value")
        )
        assert {tenant: int(amount) for tenant, amount in rows} == charged


APP = """
import os
import openai, spanledger
client = openai.OpenAI(max_retries=0)
with spanledger.run(os.environ["WHO"], user=os.environ["WHO"] + "@example.com", tenant="acme"):
    for number in range(40):
        client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": f"Hi {number}"}])
"""


def run_app(setting: Setting, service: str, folder: Path, endpoint: str) -> None:
    """An app with budgets in a file and no ledger of its own; it ends when it has exported everything."""
    (folder / "app.py").write_text(APP)
    with provider.serve() as simulated:
        environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "SPANLEDGER_", "OPENAI_"))},
            "OPENAI_BASE_URL": simulated.base_url,
            "OPENAI_API_KEY": "sk-simulated",
            "SPANLEDGER_BUDGETS": "run=5USD;user/total=100000tokens",
            "WHO": service,
            "SPANLEDGER_STORE": f"sqlite://{folder}/state.sqlite",
            "SPANLEDGER_DATABASE_URL": "off",
            "OTEL_SERVICE_NAME": service,
            "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{endpoint}/v1/traces",
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": ports.url(setting.ports.otlp_http) + "/v1/metrics",
            "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
            "OTEL_BSP_SCHEDULE_DELAY": "100",
            "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "4",
        }
        command = [str(Path(sys.executable).parent / "opentelemetry-instrument"), sys.executable, "app.py"]
        subprocess.run(command, env=environment, cwd=folder, check=True, timeout=60)


def reconciled(setting: Setting, folder: Path, url: str) -> tuple[int, list[dict[str, str]]]:
    """The exit code of `spanledger reconcile` over the three books, and the gaps that it names."""
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "SPANLEDGER_"))},
        "SPANLEDGER_STORE": f"sqlite://{folder}/state.sqlite",
        "SPANLEDGER_DATABASE_URL": url,
    }
    prometheus = ports.url(setting.ports.prometheus)
    command = [sys.executable, "-m", "spanledger", "reconcile", "--format", "json", "--prometheus", prometheus]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)["gaps"]


@pytest.fixture
def books(setting: Setting, launch: Launch, tmp_path: Path) -> str:
    """A collector, a Prometheus and a service for this test alone; the URL of the service's ledger."""
    url = f"sqlite://{tmp_path}/calls.sqlite"
    launch(services.spanledger(setting), {**QUICK, "SPANLEDGER_DATABASE_URL": url})
    launch(services.prometheus(setting))
    launch(services.collector(setting))
    return url


def test_budgets_the_ledger_and_prometheus_agree(setting: Setting, books: str, service: str, tmp_path: Path) -> None:
    run_app(setting, service, tmp_path, ports.url(setting.ports.otlp_http))

    assert eventually(lambda: reconciled(setting, tmp_path, books), lambda found: found[0] == 0, 30) == (0, [])


def test_what_was_not_exported_is_a_gap_with_a_name(setting: Setting, books: str, service: str, tmp_path: Path) -> None:
    """Every tenth export is dropped on its way to the service."""
    with dropping(ports.url(setting.ports.spanledger), every=10) as lossy:
        run_app(setting, service, tmp_path, lossy)

    def told() -> dict[str, dict[str, str]]:
        code, gaps = reconciled(setting, tmp_path, books)
        assert code == 1
        return {gap["budget"]: gap for gap in gaps}

    gaps = eventually(told, lambda found: float(found.get("cost of service", {"counted": "0"})["counted"]) > 0)
    assert {name: gap["figure"] for name, gap in gaps.items()} == {
        "run/run": "ledger", "user/total": "ledger", "cost of service": "prometheus"
    }  # fmt: skip
    assert all(float(gap["counted"]) > float(gap["journal"]) for gap in gaps.values())


@contextmanager
def dropping(behind: str, every: int) -> Iterator[str]:
    """A collector's stand-in on the way: it says that it took every request, and drops one of so many."""
    seen = itertools.count()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            data = self.rfile.read(int(self.headers["content-length"]))
            if next(seen) % every:
                headers = {k: v for k, v in self.headers.items() if k.lower().startswith("content-")}
                urllib.request.urlopen(urllib.request.Request(behind + self.path, data, headers), timeout=10).close()
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()
