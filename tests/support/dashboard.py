"""Some weeks of a company's agents, the same each time: what the dashboard's tests and pictures show."""

from __future__ import annotations

import math
import random
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import uvicorn
from fastapi import FastAPI
from sqlalchemy import Engine
from tests.support.waiting import until

from spanledger.budget.inline import parse
from spanledger.budget.memory import MemoryStore
from spanledger.budget.model import plain
from spanledger.budget.store import Claim, Counter, Store
from spanledger.config import Settings
from spanledger.ledger import CacheEvent, Charge, Entry, database
from spanledger.ledger.entry import Status
from spanledger.ledger.migrate import migrate
from spanledger.ledger.writes import write
from spanledger.pricing import PriceBook, open_book
from spanledger.service.app import create
from spanledger.service.books import Books
from spanledger.service.tokens import Tokens
from spanledger.usage import Usage

NANO = 1_000_000_000
NOW = datetime(2026, 11, 19, 15, 42, tzinfo=UTC).timestamp()
DAYS = 18
BUDGETS = parse(
    "global/month=36USD,warn=30USD;tenant/day=1USD,warn=0.6USD;run=0.5USD;stage/day=2000000tokens;user=900calls;global/day=3USD,warn=2.5USD"
)
TENANTS = (("acme", 5), ("globex", 3), ("initech", 2), ("", 1))
STAGES = (
    ("profile_analyzer", "gpt-4o-mini", "openai", 1300, 260, 1400),
    ("retrieval", "text-embedding-3-small", "openai", 900, 0, 240),
    ("planner", "gpt-4o", "openai", 2600, 500, 3800),
    ("recommender", "claude-sonnet-4-5", "anthropic", 5200, 900, 6400),
    ("critic", "house-model-7b", "vllm", 1500, 180, 900),
)
OUTCOMES: tuple[Status, ...] = ("success", "error", "timeout")
#: The run whose waterfall is shown, and the one that a budget has halted.
RUN, HALTED = "checkout-4711", "nightly-0042"


class Made(NamedTuple):
    """What a service is made of."""

    engine: Engine
    store: Store


def made(folder: Path, *, calls: int = 5200) -> Made:
    """A ledger of about so many calls, and a store of budgets; without calls nothing has happened yet."""
    engine = database.engine(f"sqlite://{folder}/calls.sqlite", kept=4)
    migrate(engine)
    store = MemoryStore(clock=lambda: NOW)
    if calls:
        book = open_book(None, None)
        found = [*_weeks(book, calls), *_shown(book)]
        write(engine, found)
        _cached(engine)
        _charge(store, found)
    return Made(engine, store)


def app(parts: Made, tokens: Tokens | None = None, **settings: Any) -> FastAPI:
    """The service over them. It is always the same minute."""
    settings = {"service_rate": "100000/minute", "jaeger_url": "http://127.0.0.1:16686", **settings}
    books = Books(parts.store, BUDGETS)
    return create(Settings(**settings), parts.engine, books, tokens=tokens, clock=lambda: NOW)


@contextmanager
def listening(wanted: FastAPI, send_buffer: int = 0) -> Iterator[str]:
    """The address of a service while it runs. The kernel takes no more than `send_buffer` bytes for a slow reader."""
    server = uvicorn.Server(uvicorn.Config(wanted, log_level="error", server_header=False))
    with socket.create_server(("127.0.0.1", 0)) as bound:
        if send_buffer:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, send_buffer)
        thread = threading.Thread(target=server.run, args=([bound],), daemon=True)
        thread.start()
        assert until(lambda: server.started)
        yield f"http://127.0.0.1:{bound.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def _weeks(book: PriceBook, calls: int) -> Iterator[Entry]:
    """More by day than by night, a little more each day."""
    dice = random.Random(20261119)
    for number in range(calls):
        ago = dice.random() ** 1.15 * DAYS * 86_400
        at = NOW - ago
        hour = (at % 86_400) / 3600
        if dice.random() > 0.25 + 0.75 * max(0.0, math.sin((hour - 6) / 24 * 2 * math.pi)):
            continue
        stage = dice.choices(STAGES, (5, 4, 3, 4, 1))[0]
        yield _entry(dice, book, stage, f"call-{number:05d}", at, f"order-{number // 6:04d}")


def _shown(book: PriceBook) -> Iterator[Entry]:
    """One run that has everything: a stream, a retry that was lost, a failure, and a refusal."""
    dice = random.Random(4711)
    at = NOW - 260
    for number, stage in enumerate((0, 1, 1, 2, 3, 4, 2, 3)):
        one = _entry(dice, book, STAGES[stage], f"{RUN}-{number}", at, RUN)._replace(
            status="success", error_type=None, tenant="acme", user="ann", trace_id=f"{4711:032x}"
        )
        if number == 3:
            one = one._replace(first_chunk=one.started + (one.ended - one.started) // 4, stream=True)
        if number == 4:
            lost = one._replace(id=f"{one.id}-1", kind="attempt", status="lost", estimated=True, hold=None, charges=())
            yield _charged(lost._replace(ended=one.started + NANO * 2))
            one = one._replace(started=one.started + NANO * 2, ended=one.ended + NANO * 2, attempts=2)
        if number == 6:
            one = one._replace(status="error", error_type="openai.RateLimitError", usage=None, cost=None, charges=())
            one = one._replace(cost_source=None, price_status="none", price_version=None)
        yield _charged(one)
        at = one.ended / NANO + 0.05 if number != 1 else at + 0.1
    refused = _entry(dice, book, STAGES[3], f"{RUN}-refused", at, RUN)
    yield refused._replace(
        status="refused", ended=refused.started, usage=None, cost=None, cost_source=None, price_status="none",
        price_version=None, charges=(), tenant="acme", user="ann", error_type="spanledger.BudgetExceeded",
        trace_id=f"{4711:032x}",
    )  # fmt: skip


def _entry(
    dice: random.Random, book: PriceBook, kind: tuple[str, str, str, int, int, int], id_: str, at: float, run: str
) -> Entry:
    stage, model, provider, into, out, ms = kind
    started = int(at * NANO)
    size = dice.lognormvariate(0, 0.35)
    cached = int(into * size * dice.choice((0, 0, 0.5))) if provider != "vllm" else 0
    usage = Usage(input=int(into * size), output=int(out * dice.lognormvariate(0, 0.4)), cache_read=cached)
    status: Status = dice.choices(OUTCOMES, (96, 3, 1))[0]
    price = book.price(usage, provider=provider, model=model)
    dice_run = random.Random(run)
    tenant = dice_run.choices([name for name, _ in TENANTS], [weight for _, weight in TENANTS])[0]
    user = dice_run.choice(("ann", "bob", "carol", "dan"))
    one = Entry(
        id=id_, started=started, ended=started + int(ms * size * 1e6), operation="embeddings" if not out else "chat",
        provider=provider, status=status, run=run, stage=stage, request_model=model, response_model=model,
        tenant=tenant or None, user=user, service="shop", environment="prod", usage=usage,
        price_status="priced" if price else "unpriced", trace_id=f"{dice_run.getrandbits(127):032x}",
        span_id=f"{dice.getrandbits(63):016x}", cost=price.nano_usd if price else None,
        cost_source=price.source if price else None, price_version=price.version if price else None,
        error_type=None if status == "success" else "openai.APIError",
    )  # fmt: skip
    return _charged(one)


def _charged(one: Entry) -> Entry:
    return one._replace(charges=tuple(_charges(one)) if one.cost is not None else ())


def _charges(one: Entry) -> Iterator[Charge]:
    assert one.usage is not None
    assert one.cost is not None
    now = one.started / NANO
    for budget, value, amount in (
        (BUDGETS[0], "", one.cost),
        (BUDGETS[1], one.tenant or "unattributed", one.cost),
        (BUDGETS[2], one.run or "", one.cost),
        (BUDGETS[3], one.stage or "", one.usage.input + one.usage.output),
        (BUDGETS[4], one.user or "", 1),
        (BUDGETS[5], "", one.cost),
    ):
        yield Charge(budget.name, value, budget.window.ids(now, one.run or "")[0], budget.unit, amount)


def store(*tenants: str) -> Store:
    """A store in which tenants have spent something today."""
    found = MemoryStore(clock=lambda: NOW)
    for tenant in tenants:
        counter = Counter("tenant/day", plain(tenant), "2026-11-19", "USD")
        found.reserve(tenant, [Claim(counter, 7)], 60)
        found.settle(tenant, [Claim(counter, 7)], [7])
    return found


def _charge(store: Store, found: list[Entry]) -> None:
    """Into the counters what the entries say; runs of long ago are over and forgotten. One run is halted."""
    units = {budget.name: budget.unit for budget in BUDGETS}
    sums: dict[Counter, int] = {}
    for one in found:
        for charge in one.charges:
            if charge.budget != "run/run" or one.started / NANO > NOW - 1800:
                counter = Counter(charge.budget, charge.scope_value, charge.window, units[charge.budget])
                sums[counter] = sums.get(counter, 0) + charge.amount
    for number, (counter, amount) in enumerate(sums.items()):
        claims = [Claim(counter, amount)]
        assert store.reserve(f"sum-{number}", claims, 60) is None
        store.settle(f"sum-{number}", claims, [amount])
    store.reserve("under-way", [Claim(Counter("tenant/day", "acme", "2026-11-19", "USD"), 180_000_000)], 60)
    halted = Counter("run/run", HALTED, HALTED, "USD")
    store.reserve("h", [Claim(halted, NANO // 2, NANO // 2)], 60)
    store.settle("h", [Claim(halted, NANO // 2, NANO // 2)], [NANO // 2])
    for number in range(3):
        store.reserve(f"h{number}", [Claim(halted, 1, NANO // 2, sticky=True)], 60)


def _cached(engine: Engine) -> None:
    dice = random.Random(7)
    rates = (("l1", 0.42), ("l2", 0.2), ("prompt", 0.66), ("semantic", 0.1))
    write(
        engine,
        [
            CacheEvent(
                f"{layer}-{number}",
                int((NOW - dice.random() * 86_400 * DAYS) * NANO),
                layer,
                dice.random() < rate,
                tenant=dice.choice(("acme", "globex")),
            )
            for layer, rate in rates
            for number in range(300)
        ],
    )
