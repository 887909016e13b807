"""The page of the API and the examples in its OpenAPI document, both made by asking the service about a few calls."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import insert

from spanledger.budget.inline import parse
from spanledger.budget.memory import MemoryStore
from spanledger.budget.store import Claim, Counter
from spanledger.config import Settings
from spanledger.ledger import Entry, database
from spanledger.ledger.migrate import migrate
from spanledger.ledger.schema import cache_events, scores
from spanledger.ledger.writes import write
from spanledger.money import NANO
from spanledger.service.app import create
from spanledger.service.books import Books
from spanledger.service.openapi import EXAMPLES
from spanledger.usage import Usage

__all__ = ["EXAMPLES", "answers", "as_json", "page"]

NOW = datetime(2026, 11, 20, 15, 30, tzinfo=UTC).timestamp()
BUDGETS = parse("run=1USD;tenant/day=10USD")
_TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
_WHERE = {"/api/calls/{id}": "call-3", "/api/runs/{id}": "run-1", "/api/traces/{id}": _TRACE}
_BODIES: dict[str, dict[str, str]] = {
    "/api/budgets/raise": {
        "name": "run/run",
        "scope_value": "run-1",
        "reason": "the customer paid for more",
        "to": "8",
    },
    "/api/budgets/reset": {"name": "run/run", "scope_value": "run-1", "reason": "the review is over"},
    "/api/budgets/resume": {"name": "run/run", "scope_value": "run-1", "reason": "looked at, goes on"},
}
_SHOWN = 40


def answers() -> dict[str, Any]:
    """What the service says, by method and path; what is a file is left out."""
    with tempfile.TemporaryDirectory() as folder:
        app = _service(Path(folder))
        client = TestClient(app, "http://localhost:8320")
        found = {}
        for path, method, _ in _operations(app):
            if path in ("/api/export", "/metrics"):
                continue
            address = path.replace("{id}", _WHERE.get(path, ""))
            answer = client.request(method, address, json=_BODIES.get(path))
            answer.raise_for_status()
            found[f"{method} {path}"] = answer.json()
        return found


def as_json(found: dict[str, Any]) -> str:
    """The file of examples."""
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


def page(found: dict[str, Any]) -> str:
    """The text of `docs/api.md`."""
    with tempfile.TemporaryDirectory() as folder:
        app = _service(Path(folder))
        document = app.openapi()
        common = [one["name"] for one in document["paths"]["/api/metrics/quality"]["get"]["parameters"]]
        parts = [_HEAD, *_parameters(document["paths"]["/api/metrics/quality"]["get"]["parameters"]), ""]
        for path, method, operation in _operations(app):
            parts += _section(path, method, operation, common, found.get(f"{method} {path}"))
    return "\n".join(parts).rstrip() + "\n"


def _section(path: str, method: str, operation: dict[str, Any], common: list[str], shown: Any) -> Iterator[str]:
    yield from (f"## `{method} {path}`", "", operation["description"], "")
    given = operation.get("parameters", [])
    own = [one for one in given if one["in"] == "query" and one["name"] not in common]
    if len(own) < len([one for one in given if one["in"] == "query"]):
        yield from (f"Takes the common parameters{' and these:' if own else '.'}", "")
    if own:
        yield from (*_parameters(own), "")
    if path in _BODIES:
        yield from ("```json", json.dumps(_BODIES[path], indent=2), "```", "")
    if shown is not None:
        lines = json.dumps(shown, indent=2, ensure_ascii=False).splitlines()
        rest = [f"… {len(lines) - _SHOWN} more lines; the whole is in /openapi.json"] if len(lines) > _SHOWN else []
        yield from ("```json" if not rest else "```", *lines[:_SHOWN], *rest, "```", "")


def _parameters(found: list[dict[str, Any]]) -> Iterator[str]:
    yield from ("| parameter | default | meaning |", "|---|---|---|")
    for one in found:
        schema = one["schema"]
        default = f"`{schema['default']}`" if schema.get("default") is not None else ""
        choice = f" One of {', '.join(f'`{value}`' for value in schema['enum'])}." if "enum" in schema else ""
        yield f"| `{one['name']}` | {default} | {one.get('description', '')}{choice} |"


def _operations(app: FastAPI) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, operations in app.openapi()["paths"].items():
        for method, operation in operations.items():
            yield path, method.upper(), operation


def _service(folder: Path) -> FastAPI:
    engine = database.engine(f"sqlite://{folder}/calls.sqlite")
    migrate(engine)
    write(engine, [_call(number) for number in range(1, 7)])
    at = int(NOW - 600) * NANO
    with engine.begin() as connection:
        hits = [{"id": str(n), "at": at, "layer": ("l1", "l2")[n % 2], "hit": n < 3} for n in range(4)]
        connection.execute(insert(cache_events), hits)
        marks = [("quality", 7.8), ("refined", 0.0), ("refined", 1.0)]
        rows = [{"id": str(n), "at": at, "call": "call-1", "name": k, "value": v} for n, (k, v) in enumerate(marks)]
        connection.execute(insert(scores), rows)
    settings = Settings(jaeger_url="http://localhost:16686")
    return create(settings, engine, Books(_store(), BUDGETS), clock=lambda: NOW)


def _store() -> MemoryStore:
    store = MemoryStore(clock=lambda: NOW)
    claim = Claim(Counter("run/run", "run-1", "run-1"), 50_000_000, NANO)
    store.reserve("hold", [claim], 600)
    store.settle("hold", [claim], (41_300_000,))
    return store


def _call(number: int) -> Entry:
    began = int(NOW - 3000 + 400 * number) * NANO
    failed = number == 5
    return Entry(
        f"call-{number}",
        began,
        began + (900 + 150 * number) * 1_000_000,
        "embeddings" if number == 6 else "chat",
        "openai",
        status="timeout" if failed else "success",
        error_type="openai.APITimeoutError" if failed else None,
        trace_id=_TRACE,
        span_id=f"{number:016x}",
        run="run-1",
        service="recommender",
        environment="production",
        stage="profile_analyzer" if number % 2 else "recommender",
        request_model="text-embedding-3-small" if number == 6 else "gpt-4o-mini",
        response_model="text-embedding-3-small" if number == 6 else "gpt-4o-mini-2024-07-18",
        tenant="acme" if number < 4 else "globex",
        user="u-7",
        usage=None if failed else Usage(1000 * number, 120, cache_read=200),
        cost=None if failed else 150_000 * number + 72_000,
        cost_source=None if failed else "local",
        price_version=None if failed else "genai-prices 0.2.3",
        price_status="unpriced" if failed else "priced",
        finish_reason=None if failed else "stop",
    )


_HEAD = """# The API of the service

Generated by asking the service (`make generate`); `/openapi.json` says the same for machines, with every field.

`spanledger serve` listens on `http://127.0.0.1:8320`. Without tokens only this host gets in. With a file of tokens
(`SPANLEDGER_SERVICE_TOKENS`, made with `spanledger serve token NAME --scope read --tenant acme`) every request but
`/healthz`, `/readyz` and `/openapi.json` needs one: `Authorization: Bearer TOKEN`. The scope `read` is for questions,
`write` for telemetry, `admin` for all; a token of a tenant sees that tenant alone.

Money is USD with nine places, and exact in the integer `*_nano_usd` beside it. What nobody knows is `null`, never 0:
calls without a known price are counted in `unpriced_calls` beside every sum. Times are UTC. Every error is
`application/problem+json` with a sentence that says what to do; 429 and 503 come with `Retry-After`.

## Common parameters

They choose calls. Windows are whole minutes; an empty value stands for calls where nothing was said. A parameter that
is not known is an error, so that no typing mistake widens an answer.
"""
