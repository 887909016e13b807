"""Caches of the app's, asked before a model is: what becomes of the word that one answered, or did not."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Literal, Protocol

from opentelemetry import context, trace
from opentelemetry.context import Context

from spanledger.ledger import CacheEvent, Keeper
from spanledger.money import NANO
from spanledger.scope import Scope
from spanledger.semconv import names

#: Characters of a layer's name that are kept.
LONGEST = 64


class Paying(Protocol):
    """Knows who pays."""

    def payer(self, here: Context) -> Scope: ...  # noqa: D102


class Asking(Protocol):
    """Whose caches they are: who pays in a context, and who takes word of events."""

    ledger: Keeper | None
    told_of_caches: list[Callable[[CacheEvent], object]]

    @property
    def payers(self) -> Paying: ...  # noqa: D102


def asked(
    asking: Asking,
    layer: str,
    hit: bool,
    *,
    saved: Decimal | str | float | None = None,
    operation: str | None = None,
    id_: str | None = None,
) -> None:
    """A cache was asked: an event of the current span, a row of the ledger, a count for whoever counts.

    Raises:
        ValueError: the layer has no name, or `saved` is no amount in USD.
    """
    here = context.get_current()
    payer = asking.payers.payer(here)
    event = CacheEvent(
        id=id_ or f"{time.time_ns():016x}{random.getrandbits(64):016x}",
        at=time.time_ns(),
        layer=_named(layer),
        hit=bool(hit),
        run=payer.run,
        operation=operation,
        stage=payer.stage or payer.implied_stage,
        tenant=payer.tenant,
        saved=None if saved is None else _nano(saved),
    )
    trace.get_current_span(here).add_event(names.EVENT_SPANLEDGER_CACHE_ASKED, _attributes(event), event.at)
    if asking.ledger is not None:
        asking.ledger.record(event)
    for tell in asking.told_of_caches:
        tell(event)


def result_of(event: CacheEvent) -> str:
    """Whether the cache answered, as labels say it."""
    return names.SPANLEDGER_CACHE_RESULT_HIT if event.hit else names.SPANLEDGER_CACHE_RESULT_MISS


def _named(layer: object) -> str:
    name = str(layer).strip().lower()[:LONGEST]
    if not name:
        raise ValueError("a cache needs the name of its layer, such as l1")
    return name


def _nano(saved: Decimal | str | float) -> int:
    amount = Decimal(str(saved))
    if not amount.is_finite() or not 0 <= amount < 10**9:
        raise ValueError(f"{saved!r} is no amount in USD that an answer can have saved")
    return int(amount.scaleb(9).to_integral_value(ROUND_HALF_EVEN))


def _attributes(event: CacheEvent) -> dict[str, Any]:
    found: dict[str, Any] = {
        names.SPANLEDGER_CACHE_EVENT_ID: event.id,
        names.SPANLEDGER_CACHE_LAYER: event.layer,
        names.SPANLEDGER_CACHE_RESULT: result_of(event),
    }
    if event.saved is not None:
        found[names.SPANLEDGER_CACHE_SAVED] = event.saved / NANO
    return found | {key: said for key, name in _SAID.items() if (said := getattr(event, name)) is not None}


#: What else an event says: it may stand on a span of the app's, which does not.
_SAID = {
    names.SPANLEDGER_RUN_ID: "run",
    names.SPANLEDGER_STAGE: "stage",
    names.SPANLEDGER_TENANT_ID: "tenant",
    names.GEN_AI_OPERATION_NAME: "operation",
}


def retold(said: Mapping[str, Any], at: int) -> CacheEvent | None:
    """The event again, from what it says on a span; None where that is none. `at` is nanoseconds since the epoch."""
    texts = {name: str(said[key])[:_TEXT] for key, name in _SAID.items() if key in said}
    id_, layer, saved = (said.get(key) for key in (names.SPANLEDGER_CACHE_EVENT_ID, *_OF_CACHE))
    try:
        hit = _HITS[said.get(names.SPANLEDGER_CACHE_RESULT)]
        amount = None if saved is None else _nano(saved)
        return CacheEvent(str(id_ or "")[:_TEXT], at, _named(layer or ""), hit, saved=amount, **texts) if id_ else None
    except (ValueError, TypeError, LookupError, ArithmeticError):
        return None


_OF_CACHE = (names.SPANLEDGER_CACHE_LAYER, names.SPANLEDGER_CACHE_SAVED)
_HITS: Mapping[object, bool] = {
    names.SPANLEDGER_CACHE_RESULT_HIT: True,
    names.SPANLEDGER_CACHE_RESULT_MISS: False,
}
#: Characters of a text that are believed.
_TEXT = 256


class Lookup:
    """A question that is answered by a cache, or else by a model. `missed`: a cache had no answer."""

    __slots__ = ("missed",)

    def __init__(self) -> None:
        self.missed = False


_lookup: ContextVar[Lookup | None] = ContextVar("spanledger_lookup", default=None)


@contextmanager
def lookup() -> Iterator[None]:
    """While a question is answered: calls that are made after a cache was asked in vain say so in the ledger."""
    token = _lookup.set(Lookup())
    try:
        yield
    finally:
        _lookup.reset(token)


def missed() -> None:
    """The cache that was asked for the question at hand has no answer."""
    if (found := _lookup.get()) is not None:
        found.missed = True


def state() -> Literal["miss"] | None:
    """What a call that begins here says of caches; None where none was asked."""
    found = _lookup.get()
    return "miss" if found is not None and found.missed else None
