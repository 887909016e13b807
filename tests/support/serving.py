"""The service over a ledger of random calls, and asking it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx2
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import Engine
from tests.support.entries import BEGIN, DAYS, NANO

from spanledger.budget.inline import parse
from spanledger.budget.memory import MemoryStore
from spanledger.budget.register import counters
from spanledger.budget.store import Claim, Counter, Store
from spanledger.config import Settings
from spanledger.service.app import create
from spanledger.service.books import Books
from spanledger.service.tokens import Scope, Tokens, new

#: When all of these services think it is: some minutes after the last of the random calls began.
NOW = BEGIN / NANO + DAYS * 86_400 + 333.25
HERE = "http://127.0.0.1:8320"
BUDGETS = parse("global=100USD;tenant/day=10USD,warn=1USD;run=1USD;user/total=9000tokens;tenant/total=50calls")
TENANTS = ("acme", "globex")


def spent(store: Store) -> Store:
    """With something in the counters of each budget; run-1 is halted."""
    for index, value, run, limit, amount in (
        (0, "", "", 100 * NANO, 30_000_001),
        (1, "acme", "", 10 * NANO, 20_000_001),
        (1, "globex", "", 10 * NANO, 10_000_000),
        (2, "run-1", "run-1", NANO, NANO),
        (3, "ann", "", 9000, 8999),
        (4, "globex", "", 50, 7),
    ):
        counter = counters(BUDGETS[index], value, run, store.now())[0]
        hold = f"{counter.key}-hold"
        assert store.reserve(hold, [Claim(counter, amount, limit)], 60) is None
        store.settle(hold, [Claim(counter, amount, limit)], (amount,))
    denied = store.reserve("halting", [Claim(Counter("run/run", "run-1", "run-1"), 1, NANO, sticky=True)], 60)
    assert denied is not None
    assert denied.halted
    return store


def serving(engine: Engine, store: Store | None = None, tokens: Tokens | None = None, **settings: Any) -> FastAPI:
    books = Books(spent(MemoryStore()) if store is None else store, BUDGETS)
    return create(Settings(**settings), engine, books, tokens=tokens, clock=lambda: NOW)


def asking(app: FastAPI, token: str | None = None, **options: Any) -> TestClient:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return TestClient(app, HERE, headers=headers, raise_server_exceptions=False, **options)


def tokens(folder: Path, *wanted: tuple[str, tuple[Scope, ...], str | None]) -> tuple[Tokens, dict[str, str]]:
    """A file of these tokens, and the tokens by name."""
    made = {name: new(name, scopes, tenant) for name, scopes, tenant in wanted}
    file = folder / "tokens.yaml"
    file.write_text("tokens:\n" + "\n".join(entry.as_yaml() for _, entry in made.values()))
    return Tokens(file), {name: token for name, (token, _) in made.items()}


def problem(answer: httpx2.Response, status: int) -> str:
    """The sentence of a problem."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    said = answer.json()
    assert said.keys() == {"type", "title", "status", "detail"}
    assert said["status"] == status
    assert len(said["detail"].split()) > 3
    return str(said["detail"])
