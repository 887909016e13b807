"""Which instrumentors of other packages our distro loads, when, and with what."""

from __future__ import annotations

import subprocess
import sys
import types
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.machinery import ModuleSpec
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.metrics import NoOpMeterProvider

from spanledger.pipeline import distro
from spanledger.pipeline.distro import OWNED, SpanledgerDistro
from spanledger.semconv import openllmetry


@dataclass
class Entry:
    """An entry point that notes with what its instrumentor is asked to work."""

    name: str
    value: str
    asked: list[dict[str, Any]] = field(default_factory=list)

    def load(self) -> Any:
        return lambda: self

    def instrument(self, **kwargs: Any) -> None:
        self.asked.append(kwargs)


def loaded(name: str, value: str) -> list[dict[str, Any]]:
    entry = Entry(name, value)
    SpanledgerDistro().load_instrumentor(entry, raise_exception_on_conflict=True)
    return entry.asked


@pytest.mark.parametrize("name", sorted(OWNED))
def test_what_our_adapters_own_is_not_loaded(name: str) -> None:
    assert loaded(name, f"somebody.{name}:Instrumentor") == []


@pytest.mark.parametrize("module", sorted(openllmetry.MODULES))
def test_openllmetrys_are_left_to_the_adapter(module: str) -> None:
    assert loaded("whatever", f"{module}:Instrumentor") == []


def test_any_other_is_loaded_as_always() -> None:
    assert loaded("flask", "opentelemetry.instrumentation.flask:FlaskInstrumentor") == [
        {"raise_exception_on_conflict": True}
    ]


def test_opentelemetrys_own_for_models_make_spans_and_no_metrics() -> None:
    ((kwargs),) = loaded("bedrock", "opentelemetry.instrumentation.genai.bedrock:BedrockInstrumentor")
    assert isinstance(kwargs["meter_provider"], NoOpMeterProvider)


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of a library that an instrumentor waits for; importing it makes an empty module."""
    name = "a_library_for_the_distro"
    monkeypatch.setitem(distro.LATER, "later", name)

    class Finder:
        def find_spec(self, wanted: str, _path: Any = None, _target: Any = None) -> ModuleSpec | None:
            return ModuleSpec(name, self) if wanted == name else None  # type: ignore[arg-type]

        def create_module(self, spec: ModuleSpec) -> types.ModuleType:
            return types.ModuleType(spec.name)

        def exec_module(self, _module: types.ModuleType) -> None:
            return

    finder: Any = Finder()
    sys.meta_path.append(finder)
    yield name
    sys.meta_path.remove(finder)
    sys.modules.pop(name, None)


def test_those_that_import_their_library_wait_for_the_app_to_do_so(library: str) -> None:
    entry = Entry("later", "opentelemetry.instrumentation.later:Instrumentor")
    SpanledgerDistro().load_instrumentor(entry)
    assert entry.asked == []
    __import__(library)
    assert entry.asked == [{}]


def test_every_instrumentor_that_traceloop_brings_is_ours_to_switch_on_or_stand_in_for() -> None:
    theirs = {
        entry.value.partition(":")[0]: entry
        for entry in entry_points(group="opentelemetry_instrumentor")
        if entry.dist is not None and "traceloop" in str(entry.dist.metadata.get_all("Project-URL"))
    }
    assert set(theirs) >= openllmetry.MODULES
    assert {entry.name for module, entry in theirs.items() if module not in openllmetry.MODULES} <= OWNED
    for instrumentor in openllmetry.INSTRUMENTORS:
        assert theirs[instrumentor.module].value.endswith(f":{instrumentor.kind}")


@pytest.mark.parametrize(("exporter", "handlers"), [({}, 0), ({"OTEL_LOGS_EXPORTER": "console"}, 1)])
def test_warnings_of_an_app_without_logging_are_seen_unless_logs_are_exported(
    exporter: dict[str, str], handlers: int
) -> None:
    app = "import logging; print(len(logging.getLogger().handlers)); logging.getLogger('app').warning('look out')"
    tool = Path(sys.executable).with_name("opentelemetry-instrument")
    environment = {"OTEL_TRACES_EXPORTER": "none", "OTEL_METRICS_EXPORTER": "none", **exporter}
    ended = subprocess.run(
        [tool, sys.executable, "-c", app], capture_output=True, text=True, timeout=60, check=True, env=environment
    )
    assert ended.stdout.startswith(f"{handlers}\n")
    assert ("look out" in ended.stderr) == (handlers == 0)
