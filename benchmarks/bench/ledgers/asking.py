"""Questions to a ledger, each asked once: random windows, filters and groups, and how long the answers took."""

from __future__ import annotations

import asyncio
import gc
import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import partial

import httpx
from sqlalchemy import Connection, Engine, select

from bench.ledgers.filling import END
from bench.ledgers.week import BEGIN, DAY, ENVIRONMENTS, MODELS, OPERATIONS, SERVICES, STAGES, TENANTS
from spanledger.budget.memory import MemoryStore
from spanledger.cli.serve import rarely_collected
from spanledger.config import Settings
from spanledger.ledger import database
from spanledger.ledger.questions import caches, listing, queries, runs
from spanledger.ledger.questions.filters import Filter, Window
from spanledger.ledger.schema import calls
from spanledger.money import NANO
from spanledger.service.app import create
from spanledger.service.books import Books

_GROUPS = (None, *(name for name in queries.GROUPS if name != "user"))
_VALUES = {
    "service": SERVICES,
    "environment": ENVIRONMENTS,
    "operation": OPERATIONS,
    "stage": STAGES,
    "provider": tuple({model[0]: None for model in MODELS}),
    "model": tuple(model[1] for model in MODELS),
    "tenant": TENANTS,
    "status": ("success", "error", "timeout"),
}
#: How many filters a question has, and how often.
_FILTERS, _HOW_OFTEN = (0, 1, 2), (40, 40, 20)
#: Endpoints that take a group, and days of which they tell percentiles one by one.
GROUPED, _DAYS = ("dashboard", "performance", "costs"), 30
#: Answers one of these questions.
Question = Callable[[Connection, random.Random], object]


@dataclass(frozen=True, slots=True)
class Timed:
    """Seconds that the answers to a question took, sorted."""

    question: str
    seconds: tuple[float, ...]

    def at(self, share: float) -> float:
        """A percentile in milliseconds: the smallest that this share of the answers did not exceed."""
        return self.seconds[max(0, math.ceil(share * len(self.seconds)) - 1)] * 1000


def ask(engine: Engine, times: int) -> list[Timed]:
    """Each question so many times over one connection, never the same twice; all kinds in turn."""
    with database.reading(engine) as connection:
        return _timed({name: partial(question, connection) for name, question in QUESTIONS.items()}, times)


def ask_service(engine: Engine, times: int) -> list[Timed]:
    """The same of each endpoint of the metrics API: the whole of the service but its socket.

    It takes it that now is some moment after the window. It keeps no answers.
    """
    now = [float(END)]
    rarely_collected()
    app = create(Settings(service_rate="1000000/second"), engine, Books(MemoryStore(), ()), clock=lambda: now[0])
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")
    with asyncio.Runner() as loop:

        def get(endpoint: str, dice: random.Random) -> None:
            asked = window(dice)
            now[0] = dice.uniform(asked.until, END)
            params = {name: datetime.fromtimestamp(at, UTC).isoformat() for name, at in asdict(asked).items()}
            params |= only(dice).wanted
            if endpoint in GROUPED and (group := dice.choice(_GROUPS)) and (group != "day" or asked.days < _DAYS):
                params["group_by"] = group
            answer = loop.run(client.get(f"/api/metrics/{endpoint}", params=params))
            assert answer.status_code == 200, answer.text

        endpoints = (*GROUPED, "quality", "cache", "health")
        return _timed({f"/api/metrics/{name}": partial(get, name) for name in endpoints}, times)


def _timed(questions: Mapping[str, Callable[[random.Random], object]], times: int, seed: int = 5) -> list[Timed]:
    dice = random.Random(seed)
    took: dict[str, list[float]] = {name: [] for name in questions}
    for name, question in questions.items():  # compiles the statements
        question(random.Random(name))
    gc.collect()
    for _ in range(times):
        for name, question in questions.items():
            began = time.perf_counter()
            question(dice)
            took[name].append(time.perf_counter() - began)
    return [Timed(name, tuple(sorted(seconds))) for name, seconds in took.items()]


def window(dice: random.Random) -> Window:
    """From five minutes to all ninety days; all orders of magnitude alike."""
    length = math.exp(dice.uniform(math.log(300), math.log(90 * DAY)))
    since = dice.uniform(BEGIN, END - length)
    return Window.of(since, since + length)


def only(dice: random.Random, **given: str) -> Filter:
    """Up to two columns, with values that occur."""
    names = dice.sample(sorted(_VALUES), dice.choices(_FILTERS, _HOW_OFTEN)[0])
    return Filter(**{name: dice.choice(_VALUES[name]) for name in names}, **given)


def _by(connection: Connection, dice: random.Random) -> object:
    group = dice.choice(_GROUPS[1:])
    assert group is not None
    return queries.by(connection, group, window(dice), only(dice))


def _page(connection: Connection, dice: random.Random) -> object:
    """Two pages, one after the other."""
    asked = (window(dice), only(dice))
    first = listing.page(connection, *asked)
    return listing.page(connection, *asked, after=first.after) if first.after else first


def _user(dice: random.Random) -> str:
    return f"user-{int(dice.paretovariate(1.1) * 50) % 20_000:05}"


def _some(connection: Connection, dice: random.Random, name: str) -> str:
    at = dice.randrange(BEGIN, END - DAY) * NANO
    found = select(calls.c[name]).where(calls.c.started >= at).order_by(calls.c.started).limit(1)
    return str(connection.scalar(found))


QUESTIONS: dict[str, Question] = {
    "totals": lambda c, d: queries.totals(c, window(d), only(d)),
    "by a column": _by,
    "daily": lambda c, d: queries.daily(c, window(d), only(d)),
    "percentiles": lambda c, d: queries.percentiles(c, window(d), only(d)),
    "operations": lambda c, d: queries.operations(c, window(d), only(d)),
    "tenants": lambda c, d: queries.tenants(c, window(d)),
    "cache hits": lambda c, d: caches.hits(c, window(d), Filter(tenant=d.choice((None, *TENANTS)))),
    "projection": lambda c, d: queries.projection(c, d.uniform(BEGIN + 8 * DAY, END), only(d)),
    "page of calls": _page,
    "page of runs": lambda c, d: runs.page(c, window(d), only(d)),
    "run": lambda c, d: runs.run(c, _some(c, d, "run")),
    "trace": lambda c, d: listing.trace(c, _some(c, d, "trace_id")),
    "totals of a user": lambda c, d: queries.totals(c, window(d), only(d, user=_user(d))),
}
