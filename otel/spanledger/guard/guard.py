"""The budgets of a process, and the store they are kept in."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from spanledger.budget.described import describe
from spanledger.budget.model import Budget, Subject, Unit, in_unit, shown
from spanledger.budget.register import Place, Register
from spanledger.budget.store import Claim, Counter, Store, StoreError
from spanledger.errors import Refusal, Refused, contained, failed, log
from spanledger.guard import halts
from spanledger.guard.pausing import Decider
from spanledger.guard.refusals import UNREADABLE
from spanledger.guard.ticket import Ticket
from spanledger.guard.worst import Asked, Estimator
from spanledger.pricing import PriceBook
from spanledger.scope import Scope

#: Settlements kept while the store cannot be reached. What is dropped beyond it expires there, charged in full.
KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Warned:
    """A threshold of a budget was crossed; of all processes one is told. The threshold is in the budget's unit."""

    budget: Budget
    counter: Counter
    threshold: int

    def __str__(self) -> str:
        """In one line, for people."""
        whose = f" of {self.counter.value}" if self.counter.value else ""
        unit = self.budget.unit
        return f"budget {self.budget.name}{whose} has passed its warning at {shown(unit, self.threshold)} {unit}"


@dataclass(frozen=True, slots=True)
class BudgetWarning:
    """The same for an app: a warning of a budget, its amounts in USD, tokens or calls."""

    budget: str
    scope_value: str
    window: str
    unit: Unit
    threshold: Decimal
    limit: Decimal | None

    @classmethod
    def of(cls, warned: Warned) -> BudgetWarning:
        """The warning as an app is told of it."""
        counter, unit, limit = warned.counter, warned.budget.unit, warned.budget.limit
        told = None if limit is None else in_unit(unit, limit)
        return cls(counter.budget, counter.value, counter.window, unit, in_unit(unit, warned.threshold), told)


@dataclass(frozen=True, slots=True)
class Due:
    """A settlement that the store has not taken yet."""

    hold: str
    claims: tuple[Claim, ...]
    actual: tuple[int, ...] | None
    """By claim; None releases."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings say of all budgets.

    `unpriced` is the policy for unknown prices, `ttl` the seconds a hold lives before it is charged as expired,
    `service` the name that counts as the dimension of that name. `problem` says why budgets that were asked for cannot
    be read: then every call is refused.
    """

    unpriced: str | None = None
    ttl: float = 600.0
    service: str = ""
    problem: str | None = None


DEFAULT = Policy()


class Guard:
    """Gives tickets to calls. A `store` of None could not be opened: hard budgets refuse, unless they say otherwise."""

    def __init__(
        self,
        budgets: Sequence[Budget],
        store: Store | None,
        book: PriceBook,
        policy: Policy = DEFAULT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.register = Register(budgets)
        self.store = store
        #: Where holds are kept that outlive their process: the same store, or the one behind its leases.
        self.centre = store
        self.estimator = Estimator(book, policy.unpriced)
        self.ttl = policy.ttl
        self.service = policy.service
        self.problem = policy.problem
        self.clock = clock
        self.on_warning: list[Callable[[Warned], None]] = []
        self.on_refusal: list[Callable[[Refusal], None]] = []
        self.on_pause: list[Decider] = []
        self._described = False
        self._due: deque[Due] = deque(maxlen=KEPT)

    @property
    def hard(self) -> tuple[Budget, ...]:
        """The budgets that refuse calls."""
        return tuple(budget for budget in self.register.budgets if budget.hard)

    @property
    def closed(self) -> str | None:
        """What refuses calls that nobody can meter: a hard budget, or the setting that cannot be read; None lets go."""
        if self.problem is not None:
            return UNREADABLE
        return next((budget.name for budget in self.hard), None)

    def ticket(self, asked: Asked) -> Ticket | None:
        """Leave to ask for holds; None where no budget counts the call."""
        if self.problem is None and not self.register.budgets:
            return None
        return Ticket(self, asked)

    def places(self, asked: Asked) -> tuple[Place, ...]:
        """Where a call counts now."""
        baggage = asked.baggage if self.register.reads_baggage else {}
        subject = Subject(asked.payer, self.service, asked.model, asked.key, baggage)
        return self.register.places(subject, time.time() if self.store is None else self.store.now())

    def spent(self, asked: Asked) -> Refusal | None:
        """Why not even the smallest call may be made, None where one may be: for calls whose requests nobody sees."""
        ticket = self.ticket(asked)
        return None if ticket is None else ticket.spent()

    def halted(self, payer: Scope, baggage: Mapping[str, str]) -> Refusal | None:
        """The halt by which whatever this payer calls is refused; None where there is none, or nobody can tell."""
        if self.store is None or not self.register.budgets:
            return None
        try:
            return halts.halted(self.places(Asked("", None, payer, baggage=baggage)), self.store)
        except StoreError as error:
            failed("store", error)
            return None

    def settle(self, hold: str, claims: tuple[Claim, ...], actual: tuple[int, ...] | None) -> list[Warned]:
        """End a hold, now or as soon as the store can be reached; an `actual` of None releases it. Never raises.

        Returns:
            The warnings that became due.
        """
        self._due.append(Due(hold, claims, actual))
        return self.catch_up()

    def catch_up(self) -> list[Warned]:
        """Hand the store what it has not taken yet; returns the warnings that became due."""
        warned: list[Warned] = []
        while self.store is not None and self._due:
            try:
                due = self._due.popleft()
            except IndexError:  # another thread was quicker
                break
            try:
                warned += self._hand_over(self.store, due)
            except StoreError as error:
                self._due.appendleft(due)
                failed("store", error)
                break
        return warned

    def _describe(self) -> None:
        """Let others who look at the store see what the budgets are; once, when there is something to see."""
        if not self._described and self.centre is not None and self.centre.shared:
            self._described = True
            describe(self.register.budgets, self.centre)

    def _hand_over(self, store: Store, due: Due) -> list[Warned]:
        self._describe()
        if due.actual is None:
            store.release(due.hold)
            return []
        return self.crossed(store.settle(due.hold, due.claims, due.actual).crossed)

    def crossed(self, crossed: Sequence[tuple[Counter, int]]) -> list[Warned]:
        """Warn of thresholds that a counter has passed: this process is the one that was told."""
        known = {(budget.name, budget.unit): budget for budget in self.register.budgets} if crossed else {}
        warned = [Warned(budget, c, at) for c, at in crossed if (budget := known.get((c.budget, c.unit)))]
        for warning in warned:
            self._warn(warning)
        return warned

    def _warn(self, warning: Warned) -> None:
        log.warning("%s", warning)
        for listener in self.on_warning:
            with contained("budget warning"):
                listener(warning)

    def refused(self, refusal: Refusal) -> Refused:
        """Tell everybody who listens of a refusal; returns what is to be raised."""
        for listener in self.on_refusal:
            with contained("budget refusal"):
                listener(refusal)
        return Refused(refusal)

    def close(self) -> None:
        """Hand over what is due and let go of the store."""
        self.catch_up()
        if self.store is not None:
            with contained("store"):
                self.store.close()
