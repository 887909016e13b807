"""`spanledger doctor`: what is installed, patched, configured and reachable, and what to do about the rest."""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
import socket
from collections.abc import Iterator
from dataclasses import asdict
from importlib.metadata import entry_points, version
from pathlib import Path
from typing import Any

from spanledger import config
from spanledger.budget import reading
from spanledger.call import Calls
from spanledger.cli.finding import Finding, State
from spanledger.cli.kept import kept
from spanledger.cli.run import environment
from spanledger.config import Settings
from spanledger.endpoint import endpoints
from spanledger.errors import ConfigError
from spanledger.lineage import Lineage
from spanledger.pipeline.runtime import ADAPTERS
from spanledger.pricing import PriceBook, open_book

_MARKS: dict[State, str] = {"ok": "ok  ", "note": "note", "problem": "FAIL"}


def add(commands: Any) -> None:
    """Declare the command."""
    own = commands.add_parser("doctor", help="say what is installed, patched, configured and reachable")
    own.add_argument("--format", choices=("text", "json"), default="text")
    own.set_defaults(do=do)


def do(given: argparse.Namespace) -> int:
    """Look at everything; 1 if there is a problem."""
    found = list(examine(environment(os.environ, Path.cwd())))
    if given.format == "json":
        print(json.dumps([asdict(f) for f in found], indent=2))
    else:
        for finding in found:
            print(f"{_MARKS[finding.state]}  {finding.topic:<10} {finding.text}")
    return 1 if any(f.state == "problem" for f in found) else 0


def examine(environ: dict[str, str]) -> Iterator[Finding]:
    """Everything that a user who sees nothing would want to know."""
    sdk, settings = version("opentelemetry-sdk"), config.read(environ)
    yield Finding(
        "versions", "ok", f"spanledger {version('spanledger')}, SDK {sdk}, Python {platform.python_version()}"
    )
    yield from _plugs(environ)
    yield from _adapters(settings)
    yield from _others()
    yield from _settings(settings, environ)
    yield from _reachable(environ)


def _plugs(environ: dict[str, str]) -> Iterator[Finding]:
    """Whether `opentelemetry-instrument` will take our distro and configurator."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield Finding("sdk", "note", "OTEL_SDK_DISABLED=true: no spans and metrics are made")
    for group, variable in (
        ("opentelemetry_distro", "OTEL_PYTHON_DISTRO"),
        ("opentelemetry_configurator", "OTEL_PYTHON_CONFIGURATOR"),
    ):
        names = [entry.name for entry in entry_points(group=group)]
        chosen = environ.get(variable) or (names[0] if names else "none")
        what = group.removeprefix("opentelemetry_")
        if chosen == "spanledger":
            yield Finding(what, "ok", f"spanledger ({len(names)} installed)")
        else:
            yield Finding(what, "problem", f"{chosen} will be used; set {variable}=spanledger")


def _adapters(settings: Settings) -> Iterator[Finding]:
    """Every adapter with its patch points, in the libraries that are installed here. Opens neither store nor ledger."""
    calls = Calls(settings, PriceBook(), Lineage())
    for entry in entry_points(group=ADAPTERS):
        adapter = entry.load()(calls)
        if adapter.version is None:
            yield Finding("adapter", "note", f"{entry.name}: {adapter.library} is not installed")
            continue
        adapter.install()
        for module in {point.module for point in adapter.points}:
            _import(module)
        missing = [f"{p.module}.{p.path}" for p in adapter.points if p.state == "missing" and p.required]
        count = sum(p.state == "patched" for p in adapter.points)
        adapter.uninstall()
        if missing:
            text = (
                f"{entry.name}: {adapter.library} {adapter.version} has no {', '.join(missing)}; its calls are missed"
            )
            yield Finding("adapter", "problem", text)
        else:
            yield Finding("adapter", "ok", f"{entry.name}: {adapter.library} {adapter.version}, {count} patch points")


def _import(module: str) -> None:
    try:
        importlib.import_module(module)
    except ImportError:
        return


def _others() -> Iterator[Finding]:
    """Instrumentors of other packages for what ours own."""
    from spanledger.pipeline.distro import OWNED  # noqa: PLC0415  only the doctor's own process needs it

    for entry in entry_points(group="opentelemetry_instrumentor"):
        if entry.name in OWNED and entry.dist is not None:
            yield Finding(
                "other", "note", f"{entry.dist.name} instruments {entry.name} too and is skipped; ours does it"
            )


def _settings(settings: Settings, environ: dict[str, str]) -> Iterator[Finding]:
    for problem in settings.problems:
        yield Finding("setting", "problem", problem)
    for idle in settings.idle:
        yield Finding("setting", "note", idle)
    yield from _budgets(settings)
    if broken := open_book(settings.prices, settings.unpriced).broken:
        yield Finding("prices", "problem", broken)
    given = [row.env for row in config.TABLE if environ.get(row.env, "").strip()]
    if not settings.problems:
        yield Finding("settings", "ok", ", ".join(given) if given else "all at their defaults")


def _budgets(settings: Settings) -> Iterator[Finding]:
    budgeted = True
    try:
        budgets = reading.read(settings)
    except ConfigError as error:
        yield Finding("budgets", "problem", f"every call is refused until this is mended: {error}")
    else:
        budgeted = bool(budgets)
        yield Finding("budgets", "ok", ", ".join(budget.name for budget in budgets) or "none")
    yield from kept(settings, budgeted=budgeted)


def _reachable(environ: dict[str, str]) -> Iterator[Finding]:
    """Whether somebody listens where telemetry is sent."""
    found = list(endpoints(environ))
    if not found:
        yield Finding("endpoint", "note", "no signal is exported by OTLP")
    for endpoint in found:
        if endpoint.problem is not None:
            yield Finding("endpoint", "problem", endpoint.problem)
            continue
        try:
            with socket.create_connection((endpoint.host, endpoint.port), timeout=2):
                yield Finding("endpoint", "ok", f"{endpoint.signal.lower()}: {endpoint.url} answers")
        except OSError as error:
            what = f"{endpoint.signal.lower()}: {endpoint.url} does not answer ({error})"
            text = f"{what}; start a collector there or set {endpoint.variable}"
            yield Finding("endpoint", "problem", text)
