"""A call that its budget pauses: who is asked, and what was decided."""

from __future__ import annotations

import asyncio
import contextvars
import inspect
import queue
import threading
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

from spanledger.budget import inline
from spanledger.budget.model import Unit, amount, in_unit
from spanledger.budget.register import Place
from spanledger.budget.store import Denied
from spanledger.errors import ConfigError, contained

#: A limit as an app may give it: a number in the unit of the budget, or text such as `8USD`.
Limit = Decimal | int | float | str
Outcome = Literal["raised", "room", "refused", "none"]


@dataclass(frozen=True, slots=True)
class BudgetPause:
    """A call waits for a decision, for `seconds` at most.

    The amounts are in the unit of the budget: USD, tokens or calls. `needed` is the worst case of the call.
    """

    budget: str
    scope_value: str
    window: str
    unit: Unit
    limit: Decimal
    spent: Decimal
    held: Decimal
    needed: Decimal
    seconds: float

    @classmethod
    def of(cls, place: Place, denied: Denied) -> BudgetPause:
        """The pause of a call that was denied a hold."""
        unit, counter = place.budget.unit, place.counter
        figures = (denied.limit, denied.committed, denied.held, denied.needed)
        limit, spent, held, needed = (in_unit(unit, figure) for figure in figures)
        seconds = place.budget.pause
        return cls(counter.budget, counter.value, counter.window, unit, limit, spent, held, needed, seconds)


@dataclass(frozen=True, slots=True)
class Decision:
    """How a pause ended, after how many seconds, and which limit held then, in whole units."""

    place: Place
    outcome: Outcome
    limit: int
    waited: float


#: Is told of a pause; gives the new limit, or None where it does not decide.
Decider = Callable[[BudgetPause], "Limit | Awaitable[Limit | None] | None"]


class Asking:
    """Asks everybody who may decide, all at once; the first answer counts.

    A plain function is called in a thread of its own, so that it may take its time and no event loop stands still. A
    coroutine function runs in the event loop of the call; where that has none, in a loop of its own.
    """

    def __init__(self, pause: BudgetPause, deciders: Sequence[Decider]) -> None:
        self._pause = pause
        #: The answer that counts, in whole units.
        self.answered: int | None = None
        self._answers: queue.SimpleQueue[int] = queue.SimpleQueue()
        self._tasks: list[asyncio.Task[None]] = []
        for decider in deciders:
            self._ask(decider)

    def _ask(self, decider: Decider) -> None:
        loop = _running() if inspect.iscoroutinefunction(decider) else None
        if loop is not None:
            self._tasks.append(loop.create_task(self._awaited(decider)))
            return
        here = contextvars.copy_context()
        threading.Thread(target=here.run, args=(self._called, decider), name="spanledger-pause", daemon=True).start()

    def answer(self) -> int | None:
        """The new limit, in whole units, once somebody has given it."""
        if self.answered is None:
            with suppress(queue.Empty):
                self.answered = self._answers.get_nowait()
        return self.answered

    def over(self) -> None:
        """Nobody waits for an answer any more."""
        for task in self._tasks:
            task.cancel()

    def _called(self, decider: Decider) -> None:
        with contained("pause callback"):
            found = decider(self._pause)
            self._take(asyncio.run(_result(found)) if inspect.isawaitable(found) else found)

    async def _awaited(self, decider: Decider) -> None:
        with contained("pause callback"):
            found: Any = decider(self._pause)
            self._take(await found)

    def _take(self, found: Any) -> None:
        if found is not None:
            self._answers.put(_whole(found, self._pause.unit))


async def _result(found: Awaitable[Limit | None]) -> Limit | None:
    return await found


def _running() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


def _whole(limit: Limit, unit: Unit) -> int:
    """A limit in whole units."""
    if isinstance(limit, str) and not limit.strip().replace(".", "", 1).isdigit():
        found, value = inline.limit(limit)
        if found != unit:
            raise ConfigError(f"{limit!r} is in {found}, the budget counts {unit}")
        return value
    return amount(unit, Decimal(str(limit)))
