"""A call of a budget that pauses waits for somebody to decide, and says so on its span."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter as Counted
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

import openai
import pytest
from tests.support.asking import MODEL, later, said
from tests.support.guarding import ASKED, BOUND, WORST, asking, figures, usd
from tests.support.telemetry import BOOK, Telemetry

import spanledger
from provider import Provider
from spanledger.budget import inline
from spanledger.budget.memory import MemoryStore
from spanledger.budget.store import Counter
from spanledger.errors import Refused
from spanledger.guard import BudgetPause, Guard
from spanledger.pipeline import start
from spanledger.semconv import names
from spanledger.usage import Usage

RUN = Counter("run/run", "r-1", "r-1")


def pausing(seconds: float = 30.0, limit: int = WORST - 1, clock: Callable[[], float] | None = None) -> Guard:
    (budget,) = inline.parse(f"run={usd(limit)},action=pause")
    more: dict[str, Any] = {} if clock is None else {"clock": clock}
    return Guard([replace(budget, pause=seconds)], MemoryStore(), BOOK, **more)


def admit(found: Guard) -> None:
    """As a sync client does it, but for the sleep."""
    for _ in asking(found).admit(BOUND):
        threading.Event().wait(0.001)


def test_a_callback_is_told_what_is_asked_and_its_limit_lets_the_call_go() -> None:
    found = pausing()
    told: list[BudgetPause] = []

    @found.on_pause.append
    def decide(pause: BudgetPause) -> Decimal:
        told.append(pause)
        return Decimal("0.5")

    admit(found)
    limit, needed, nothing = Decimal(WORST - 1) / 10**9, Decimal(WORST) / 10**9, Decimal(0)
    assert told == [BudgetPause("run/run", "r-1", "r-1", "USD", limit, nothing, nothing, needed, 30.0)]
    assert found.store is not None
    assert found.store.figure(RUN).limit == 500_000_000
    (entry,) = found.store.audit()
    assert (entry.action, entry.reason) == ("raise", "decided by a callback")


@pytest.mark.parametrize("limit", [0.5, "0.5USD", "0.5", 1])
def test_a_limit_may_be_a_number_or_an_amount(limit: object) -> None:
    found = pausing()
    found.on_pause.append(lambda _: limit)  # type: ignore[arg-type,return-value]
    admit(found)
    assert figures(found, "run/run", "r-1", "r-1") == (0, WORST)


def test_a_limit_that_is_too_low_is_a_refusal_and_halts_the_run() -> None:
    found = pausing(limit=WORST)
    asking(found).admit(BOUND)
    assert found.store is not None
    found.store.adjust(RUN, 1, reason="test", who="test")
    found.on_pause.append(lambda pause: pause.limit)
    with pytest.raises(Refused) as caught:
        admit(found)
    assert caught.value.refusal.halted
    again = asking(found).admit(BOUND)
    with pytest.raises(Refused):
        next(again)


def test_a_call_that_nobody_decides_on_is_refused_in_time_and_the_next_one_at_once() -> None:
    now = [0.0]
    found = pausing(seconds=5.0, limit=WORST, clock=lambda: now[0])
    assert found.store is not None
    found.store.adjust(RUN, 1, reason="test", who="test")
    found.on_pause.append(lambda _: None)
    waiting = asking(found).admit(BOUND)
    next(waiting)
    now[0] = 5.0
    with pytest.raises(Refused) as caught:
        next(waiting)
    assert caught.value.refusal.halted
    with pytest.raises(Refused):
        next(asking(found).admit(BOUND))
    assert found.store.figure(RUN).refused == 3, "the waiting itself is no refusal"


def test_a_callback_that_fails_decides_nothing(failures: Counted[tuple[str, str]]) -> None:
    found = pausing()
    found.on_pause.append(lambda _: 1 / 0)
    found.on_pause.append(lambda _: "five dollars")
    waiting = asking(found).admit(BOUND)
    next(waiting)
    while failures.total() < 2:
        threading.Event().wait(0.001)
    assert found.store is not None
    found.store.raise_limit(RUN, WORST, reason="test", who="test")
    assert list(waiting) == []
    assert failures == {("pause callback", "ZeroDivisionError"): 1, ("pause callback", "ConfigError"): 1}


def test_room_that_others_give_back_ends_a_pause() -> None:
    found = pausing(limit=2 * WORST - 1)
    first = asking(found)
    assert list(first.admit(BOUND)) == []
    second = asking(found)
    waiting = second.admit(BOUND)
    next(waiting)
    first.settle(Usage(input=1), 1)
    assert list(waiting) == []


class Paused:
    """A client whose run has nothing left until somebody decides, and what its span tells."""

    def __init__(self, telemetry: Telemetry) -> None:
        self.telemetry = telemetry
        (budget,) = inline.parse("run=0USD,action=pause")
        self.guard = Guard([replace(budget, pause=20.0)], MemoryStore(), BOOK)
        telemetry.guarded(self.guard)

    def events(self) -> list[tuple[str, dict[str, Any]]]:
        events = [(event.name, dict(event.attributes or {})) for event in self.telemetry.one.events]
        for _, attributes in events:
            attributes.pop(names.SPANLEDGER_BUDGET_WAITED, None)
            attributes.pop(names.SPANLEDGER_BUDGET_NEEDED, None)
        return events


WHOSE = {
    names.SPANLEDGER_BUDGET_NAME: "run/run",
    names.SPANLEDGER_BUDGET_SCOPE_VALUE: "r-1",
    names.SPANLEDGER_BUDGET_WINDOW: "r-1",
    names.SPANLEDGER_BUDGET_UNIT: "USD",
}
PAUSE = {
    **WHOSE,
    names.SPANLEDGER_BUDGET_LIMIT: 0.0,
    names.SPANLEDGER_BUDGET_SPENT: 0.0,
    names.SPANLEDGER_BUDGET_HELD: 0.0,
    names.SPANLEDGER_BUDGET_PATIENCE: 20.0,
}


def decision(outcome: str, limit: float) -> tuple[str, dict[str, Any]]:
    found = {
        **WHOSE,
        names.SPANLEDGER_BUDGET_LIMIT: limit,
        names.SPANLEDGER_BUDGET_DECISION: outcome,
    }
    return names.EVENT_SPANLEDGER_BUDGET_DECISION, found


def test_a_sync_client_waits_for_a_callback(metered: Telemetry, client: openai.OpenAI) -> None:
    paused = Paused(metered)
    paused.guard.on_pause.append(lambda _: 1)
    with spanledger.run("r-1"):
        client.chat.completions.create(model=MODEL, messages=said(), max_tokens=50)
    assert paused.events() == [(names.EVENT_SPANLEDGER_BUDGET_PAUSE, PAUSE), decision("raised", 1.0)]


def test_an_async_client_waits_for_a_coroutine_of_its_own_event_loop(
    metered: Telemetry, provider: Provider, key: str
) -> None:
    paused = Paused(metered)
    loops: list[object] = []

    @paused.guard.on_pause.append
    async def decide(_: BudgetPause) -> str:
        loops.append(asyncio.get_running_loop())
        return "1USD"

    async def ask(client: openai.AsyncOpenAI) -> None:
        loops.append(asyncio.get_running_loop())
        await client.chat.completions.create(model=MODEL, messages=said(), max_tokens=50)

    with spanledger.run("r-1"):
        later(provider, key, ask)
    assert loops[0] is loops[1]
    assert paused.events() == [(names.EVENT_SPANLEDGER_BUDGET_PAUSE, PAUSE), decision("raised", 1.0)]


def test_a_callback_may_refuse(metered: Telemetry, client: openai.OpenAI, provider: Provider, key: str) -> None:
    paused = Paused(metered)
    paused.guard.on_pause.append(lambda _: 0)
    with spanledger.run("r-1"), pytest.raises(spanledger.BudgetExceeded):
        client.chat.completions.create(model=MODEL, messages=said(), max_tokens=50)
    pause, decided, halt = paused.events()
    assert (pause[1], decided) == (PAUSE, decision("refused", 0.0))
    assert halt[0] == names.EVENT_SPANLEDGER_BUDGET_HALT
    assert provider.bill(key)["hits"] == 0


def test_who_asks_before_there_is_a_runtime_is_told_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(start._Current, "runtime", None)
    monkeypatch.setattr(start._Current, "listeners", [])
    warned: list[spanledger.BudgetWarning] = []

    @spanledger.on_budget_pause
    def decide(_: BudgetPause) -> int:
        return 1

    spanledger.on_budget_warning(warned.append)
    found = Guard(inline.parse("run=1USD,warn=0.000006USD"), MemoryStore(), BOOK)
    for listen in start._Current.listeners:
        listen(found)
    assert found.on_pause == [decide]
    ticket = asking(found, ASKED)
    assert list(ticket.admit(BOUND)) == []
    ticket.settle(Usage(input=20, output=5), 6_000)
    assert warned == [
        spanledger.BudgetWarning("run/run", "r-1", "r-1", "USD", Decimal("0.000006000"), Decimal("1.000000000"))
    ]
