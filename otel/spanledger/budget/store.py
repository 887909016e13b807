"""What a store of counters must do.

A counter holds two figures: `committed`, what was spent, and `held`, what calls under way may still spend. An attempt
takes a hold of its worst case on all its counters at once, or on none, before it leaves; its end settles the hold with
what was really used. For every counter `committed + held <= limit`, so what the provider bills cannot pass the limit.
All amounts are whole numbers in the unit of the budget: nano-USD, tokens or calls.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol, cast, runtime_checkable

from spanledger.budget.model import Unit
from spanledger.budget.notes import Notes

if TYPE_CHECKING:
    from spanledger.budget.search import Search

Kind = Literal["exhausted", "too_large", "in_flight", "insufficient"]
HoldState = Literal["open", "settled", "released", "expired"]
Action = Literal["raise", "reset", "adjust", "repair", "halt", "resume"]

#: What stands between the parts of a key, and before a unit other than USD.
_SEPARATOR, UNIT = "\x1f", "\x1e"


class StoreError(Exception):
    """A store cannot be used now. It never reaches an app: the guard decides what becomes of the call."""


class Counter(NamedTuple):
    """Which figure: a budget, the value of its scope (`acme` of `tenant`; empty for `global`), and the window.

    And what it counts: where a budget counts something else from now on, it does not go on from nano-USD.
    """

    budget: str
    value: str
    window: str
    unit: Unit = "USD"

    @property
    def key(self) -> str:
        """As one string; `Counter.of` reads it back."""
        unit = "" if self.unit == "USD" else f"{UNIT}{self.unit}"
        return f"{self.budget}{_SEPARATOR}{self.value}{_SEPARATOR}{self.window}{unit}"

    @staticmethod
    def prefix(*parts: str) -> str:
        """What the keys of a budget's counters begin with, of a scope value's, or of one counter's (by its key)."""
        return "".join(f"{part}{_SEPARATOR}" for part in parts)

    def within(self, prefixes: Sequence[str]) -> bool:
        """Whether it is one of those."""
        return self.prefix(self.key).startswith(tuple(prefixes))

    @classmethod
    def of(cls, key: str) -> Counter:
        """The counter of a key."""
        budget, rest = key.split(_SEPARATOR, 1)
        value, window = rest.rsplit(_SEPARATOR, 1)
        window, _, unit = window.partition(UNIT)
        return cls(budget, value, window, cast(Unit, unit or "USD"))


@dataclass(frozen=True, slots=True)
class Claim:
    """What one attempt asks of one counter.

    `limit` is the configured hard limit, None where the budget only counts; a limit raised in the store wins over it.
    `also` are further counters whose figures count towards the limit: the other sub-windows of a rolling window, the
    newest first. A limit raised in one of them holds for as long as that one counts; of several the newest.
    `warns` are the amounts at which a warning is due. `sticky`: a refusal that waiting cannot cure halts the counter.
    `counted`: a refusal counts in `refused`; not so where a process asks on its own account, for calls to come.
    """

    counter: Counter
    amount: int
    limit: int | None = None
    warns: tuple[int, ...] = ()
    also: tuple[Counter, ...] = ()
    sticky: bool = False
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Figures:
    """A counter as it stands. `limit` is the one raised in the store, None where the configured one holds."""

    committed: int = 0
    held: int = 0
    limit: int | None = None
    halted: bool = False
    refused: int = 0


def together(parts: Sequence[Figures]) -> Figures:
    """A counter, and behind it those of `also`, as they stand towards the limit."""
    return Figures(
        committed=sum(part.committed for part in parts),
        held=sum(part.held for part in parts),
        limit=next((part.limit for part in parts if part.limit is not None), None),
        halted=parts[0].halted,
        refused=sum(part.refused for part in parts),
    )


@dataclass(frozen=True, slots=True)
class Denied:
    """Why an attempt got no hold; the figures are those of the refusing counter at that moment.

    `index` is the place of the claim among those asked.
    """

    index: int
    kind: Kind
    limit: int
    committed: int
    held: int
    needed: int
    halted: bool = False


@dataclass(frozen=True, slots=True)
class Hold:
    """What a store keeps of one attempt. `amounts` and, once it is over, `charged` are by counter.

    `expires` is in seconds since the epoch by the store's clock. `owner` names the process that took it.
    """

    id: str
    counters: tuple[Counter, ...]
    amounts: tuple[int, ...]
    expires: float
    owner: str
    state: HoldState = "open"
    charged: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True)
class Settled:
    """What came of a settlement. `first` is False where the hold was over before and nothing was changed.

    `late`: the hold had expired, and what it was charged then was replaced. `crossed` are the warnings that became due
    by this settlement, each given to one process only.
    """

    first: bool = True
    late: bool = False
    crossed: tuple[tuple[Counter, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """One change by an operator or by repair, in the audit. `at` is seconds since the epoch."""

    at: float
    counter: Counter
    action: Action
    amount: int | None
    reason: str
    who: str


@dataclass(frozen=True, slots=True)
class Gap:
    """A counter whose figures are not those that its own journal of holds and adjustments adds up to.

    `ledger`: what was committed is not what the rows of the call ledger were charged. `prometheus`: what a service's
    calls cost by its metrics is not what they cost by the ledger, which takes the journal's place.
    """

    counter: Counter
    figure: Literal["committed", "held", "ledger", "prometheus"]
    counted: int
    journal: int


class Store(Protocol):
    """Counters shared by everybody who opens the same store. Every operation is atomic, and durable where it says so.

    All operations are safe for threads, and raise `StoreError` and nothing else where the store cannot be used.
    """

    @property
    def shared(self) -> bool:
        """Whether other processes see the same counters."""

    @property
    def notes(self) -> Notes:
        """What is remembered beside the counters."""

    def now(self) -> float:
        """Seconds since the epoch by the clock that all users of the store share."""

    def reserve(self, hold: str, claims: Sequence[Claim], ttl: float) -> Denied | None:
        """Take a hold of all claims, or change nothing but the count of refusals and a halt and say why.

        `hold` is an id that nobody else uses; asking again with the same id is the same hold. It expires after `ttl`
        seconds: then its amounts are charged, because a request that left is billed whatever became of its sender.
        """

    def settle(self, hold: str, claims: Sequence[Claim], actual: Sequence[int]) -> Settled:
        """End a hold: what it held is given back, what was used (`actual`, by claim) is charged, more than held too.

        The first settlement counts. The one exception is a hold that expired: its charge is replaced.
        An id that the store does not know is charged in full: books never count less than the bill.
        """

    def release(self, hold: str) -> None:
        """End a hold of an attempt that is known not to be billed: nothing is charged. Unless it is over already."""

    def extend(self, hold: str, claims: Sequence[Claim], ttl: float) -> Denied | None:
        """Hold the amounts of these claims on top (same counters, same order), and live `ttl` seconds from now on."""

    def refuse(self, refused: Mapping[Counter, int]) -> None:
        """Count refusals that were given without asking here: how many, by counter."""

    def expire(self) -> int:
        """Charge the holds whose time is over; how many there were. `reserve` and `figures` do it by themselves."""

    def figures(self) -> dict[Counter, Figures]:
        """Every counter."""

    def search(self, search: Search) -> dict[Counter, Figures]:
        """The counters of some scope values of a budget, in no order."""

    def figure(self, counter: Counter) -> Figures:
        """One counter; all 0 where nothing happened yet."""

    def holds(self) -> Iterable[Hold]:
        """The open and the expired holds."""

    def raise_limit(self, counter: Counter, limit: int, *, reason: str, who: str) -> None:
        """Let this limit win over the configured one while the counter counts, and end a halt."""

    def reset(self, counter: Counter, *, reason: str, who: str) -> None:
        """Let the configured limit hold again, and end a halt. What was spent stays spent."""

    def adjust(self, counter: Counter, delta: int, *, reason: str, who: str) -> None:
        """Correct what was spent, by hand; never below 0."""

    def audit(self) -> Iterable[Entry]:
        """Every change by hand or by repair, oldest first."""

    def history(self, of: Sequence[str], before: int | None, number: int) -> list[tuple[int, Entry]]:
        """The last of these changes before a place, the latest first, each with its place; at most so many.

        `of` are prefixes: those of the counters that are meant. The audit only grows: every entry keeps its place.
        """

    def gaps(self) -> Iterable[Gap]:
        """Where counters and journal disagree."""

    def close(self) -> None:
        """Let go of files and connections."""


@runtime_checkable
class Lender(Store, Protocol):
    """A store that processes can borrow from: a lease is a hold of theirs, of which they book what they spent."""

    def convert(
        self, hold: str, part: str, claims: Sequence[Claim], spent: Sequence[int], keep: Sequence[int], ttl: float
    ) -> Settled:
        """Charge part of a hold and keep the rest, in one piece.

        `spent` is charged under the id `part`, once, as if it were the settlement of a hold of that id; it may be below
        0 where a late settlement takes back. What the hold holds becomes `keep`, and it lives `ttl` seconds from now
        on; with nothing kept it is over. Of a hold that expired the charge becomes `keep`. `late`: the hold was no
        longer open. That `spent` and `keep` are no more than was held is up to the caller.
        """


def reach(store: Store) -> None:
    """Ask a store for the least that it cannot tell without looking. Raises StoreError."""
    store.figure(Counter("", "", ""))
