"""The real stack for tests: what `make stack` starts, on free ports, once per run.

Fixtures: `stack` (where everything answers), `jaeger` and `prometheus` (clients of it), `service` (a name no other
test uses), `send` (spans by plain OTLP, without spanledger), `binaries` and `launch` (servers of a test's own).
"""

import json
import os
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType

import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import Tracer

NATIVE = Path(__file__).resolve().parents[2] / "deploy" / "native"
STACK = NATIVE / "stack.py"
sys.path.append(str(NATIVE))

from spanstack import layout, ports, services, supervisor  # noqa: E402  (the path comes first)
from tests.stack.clients import Jaeger, Launch, Prometheus, Send, Stack, eventually  # noqa: E402

# The decisions of the tail sampler come sooner than as shipped; everything else is as shipped.
# The service has nobody's budgets.
QUICK = {"COLLECTOR_DECISION_WAIT": "4s", "COLLECTOR_DECISION_WAIT_AFTER_ROOT": "1s", "SPANLEDGER_STORE": "memory:"}


@pytest.fixture(scope="session")
def binaries() -> layout.Binaries:
    """The four programs, built first where the cache does not hold them."""
    command = [sys.executable, str(STACK), "--build-only", "--format", "json"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return layout.Binaries(**{name: Path(path) for name, path in json.loads(done.stdout).items()})


@pytest.fixture(scope="session")
def stack(binaries: layout.Binaries, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The whole stack, running."""
    home = tmp_path_factory.mktemp("stack")
    command = [sys.executable, str(STACK), "--ports", "auto", "--format", "json", "--state-dir", str(home)]
    environment = {**os.environ, **QUICK}
    with (home / "stderr").open("w") as sink:
        process = subprocess.Popen(
            [*command, "--scrape-interval", "1s"], stdout=subprocess.PIPE, stderr=sink, text=True, env=environment
        )
    with process:
        line = process.stdout.readline() if process.stdout else ""
        assert line, (home / "stderr").read_text()
        yield Stack(**json.loads(line))
        process.terminate()


@pytest.fixture(scope="session")
def jaeger(stack: Stack) -> Jaeger:
    """A client of the stack's Jaeger."""
    return Jaeger(stack.jaeger)


@pytest.fixture(scope="session")
def prometheus(stack: Stack) -> Prometheus:
    """A client of the stack's Prometheus."""
    return Prometheus(stack.prometheus)


@pytest.fixture
def service() -> str:
    """A service name that no other test uses."""
    return f"app-{uuid.uuid4().hex[:12]}"


@pytest.fixture(scope="session")
def send(stack: Stack) -> Send:
    """Spans by plain OTLP, with nothing of spanledger in the process that sends them."""

    def send_spans(
        service: str,
        write: Callable[[Tracer], object],
        endpoint: str = stack.otlp_grpc,
        resource: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        told = Resource({"service.name": service, **resource})
        provider = TracerProvider(sampler=ALWAYS_ON, resource=told, shutdown_on_exit=False)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=endpoint, insecure=True)))
        write(provider.get_tracer("tests"))
        provider.shutdown()

    return send_spans


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    """Servers beside the stack, ended with the test."""
    running: list[subprocess.Popen[bytes]] = []

    def start(service: services.Service, environment: Mapping[str, str] = QUICK) -> subprocess.Popen[bytes]:
        log = tmp_path / f"{service.name}.log"
        told = {**services.environment_of(service), **environment}
        with log.open("ab") as sink:
            running.append(subprocess.Popen(service.command, env=told, stdout=sink, stderr=sink))
        assert eventually(lambda: supervisor.answers(service.ready_url), bool), log.read_text()
        return running[-1]

    yield start
    for process in running:
        process.kill()
        process.wait()


@pytest.fixture
def setting(binaries: layout.Binaries, tmp_path: Path) -> services.Setting:
    """Ports and directories for servers of the test's own."""
    return services.Setting(binaries, ports.free_ports(), tmp_path / "state", "1s")
