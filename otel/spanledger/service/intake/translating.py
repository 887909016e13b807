"""From the spans of a request to entries of the ledger: which of them are calls, and what each of those cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from spanledger import caching, scope
from spanledger.ledger import CacheEvent, Charge, Entry, Line
from spanledger.lineage import Booked, Node
from spanledger.money import NANO
from spanledger.pipeline import foreign
from spanledger.pipeline.covered import KINDS, Claim, claim, covered_by, is_usage, library
from spanledger.pricing import PriceBook
from spanledger.pricing.attributes import price_told
from spanledger.semconv import names
from spanledger.service.intake import own
from spanledger.service.intake.earlier import Earlier
from spanledger.service.intake.family import Family
from spanledger.service.intake.reading import Told, told
from spanledger.service.intake.wire import Sent
from spanledger.usage import PLAUSIBLE

#: When the first call can have been made, and for how long one may last. What is later than the clock is off by a day.
FIRST, LONGEST, AHEAD = 946_684_800 * NANO, 31 * 86_400 * NANO, 86_400 * NANO
#: Characters of a text in the ledger, and bytes of what names a counter: databases look them up.
TEXT, COUNTER = 256, 1024

DAMAGED = "spans are damaged or have no id"
TIMES = "calls began before the year 2000, end in the future, before they began or a month later"
COUNTS = "calls say that they used more than there can be"
TENANT = "calls are of a tenant that the token is not for"


@dataclass
class Translation:
    """What became of a request. `rejected` counts spans by what is wrong with them."""

    entries: list[Entry] = field(default_factory=list)
    events: list[CacheEvent] = field(default_factory=list)
    rejected: Counter[str] = field(default_factory=Counter)
    spans: int = 0

    @property
    def lines(self) -> list[Line]:
        """All that is to be written."""
        return [*self.entries, *self.events]

    @property
    def message(self) -> str:
        """What is wrong, for people."""
        return "; ".join(f"{count} {what}" for what, count in self.rejected.items())


class _Foreign(NamedTuple):
    """A span of somebody else's that may be a call, by what it claims."""

    told: Told
    claimed: Claim


class Translator:
    """Reads requests, one after the other. `book` has the prices, `clock` is seconds since the epoch."""

    def __init__(self, book: PriceBook, earlier: Earlier, clock: Callable[[], float]) -> None:
        self._book = book
        self._earlier = earlier
        self._clock = clock
        self._family = Family()

    def __call__(self, sent: Iterable[Sent], tenant: str | None) -> Translation:
        """The entries of a request; with a `tenant`, only what is that tenant's or nobody's."""
        found = Translation()
        others: list[_Foreign] = []
        latest = int(self._clock() * NANO) + AHEAD
        for one in told(sent):
            found.spans += 1
            if one is None:
                found.rejected[DAMAGED] += 1
                continue
            node = self._family.told(one.id, one.parent)
            found.events += _caches(one, tenant, latest)
            if (call := own.call_id(one)) is not None:
                if self._takes(found, one, tenant, latest):
                    found.entries += _fitting(self._own(one, call, node), tenant)
            elif (claimed := self._claimed(one)) is not None:
                others.append(_Foreign(one, claimed))
            elif _beyond_belief(one):
                found.rejected[COUNTS] += 1
        self._earlier.ask(one.told.trace for one in others if not _decided(one.told))
        for one, claimed in sorted(others, key=_order):
            if self._takes(found, one, tenant, latest):
                found.entries += _fitting(self._foreign(one, claimed), tenant)
        return found

    def _claimed(self, one: Told) -> Claim | None:
        return claim(one.span, one.attributes, self._family) if _may_count(one) else None

    def _takes(self, found: Translation, one: Told, tenant: str | None, latest: int) -> bool:
        """Whether a call is taken; one that is not is counted."""
        wrong = self._wrong(one, tenant, latest)
        if wrong is not None:
            found.rejected[wrong] += 1
        return wrong is None

    @staticmethod
    def _wrong(one: Told, tenant: str | None, latest: int) -> str | None:
        """Why a call is not taken, None where it is."""
        start, end = one.span.start_time or 0, one.span.end_time or 0
        if not (start >= FIRST and start <= end <= latest and end - start <= LONGEST):
            return TIMES
        said = one.attributes.get(names.SPANLEDGER_TENANT_ID, scope.UNATTRIBUTED)
        return TENANT if tenant is not None and said not in (tenant, scope.UNATTRIBUTED) else None

    def _own(self, one: Told, call: str, node: Node) -> Iterable[Entry]:
        payer, price = scope.of_attributes(one.attributes), price_told(one.attributes)
        facts = own.facts_of(one, payer, price)
        if facts.usage is not None:
            booked = Booked(library(one.span), one.trace, facts.usage, one.span.start_time or 0, one.span.end_time or 0)
            self._family.count(node, facts, facts.response_id or one.id, booked)
        return own.entries(call, one, facts, payer, price)

    def _foreign(self, one: Told, claimed: Claim) -> Iterable[Entry]:
        node = self._family.told(one.id, one.parent)
        if node.facts is None and not _decided(one) and not self._earlier.has(one.trace, one.id):
            covered = self._earlier.covers(claimed, one.trace, one.id, one.parent)
            if covered or covered_by(claimed, self._family) is not None:
                return
        payer = scope.of_attributes(claimed.found)
        settled = foreign.settle(claimed, self._book, payer)
        self._family.count(node, settled.facts, settled.facts.response_id or one.id, settled.booked(one.trace))
        yield foreign.of_span(settled, payer, own.ended(one.attributes, settled.facts.cost), one.maker)


def _caches(one: Told, tenant: str | None, latest: int) -> Iterator[CacheEvent]:
    """The caches that were asked in a span; with a `tenant`, as that tenant's, and none of another's."""
    for event in one.events:
        if event.name == names.EVENT_SPANLEDGER_CACHE_ASKED and FIRST <= event.timestamp <= latest:
            found = caching.retold(event.attributes or {}, event.timestamp)
            if found is not None and (tenant is None or found.tenant in (None, tenant)):
                yield found if tenant is None else found._replace(tenant=tenant)


def _may_count(one: Told) -> bool:
    """Whether it can be the span of a call that nothing covers."""
    return one.span.kind in KINDS and names.SPANLEDGER_COVERED_BY not in one.attributes


def _beyond_belief(one: Told) -> bool:
    """Whether that is why a span claims nothing."""
    said = (value for key, value in one.attributes.items() if is_usage(key))
    return _may_count(one) and any(isinstance(value, (int, float)) and value > PLAUSIBLE for value in said)


def _order(other: _Foreign) -> tuple[int, int]:
    """As spans end: what is enclosed comes first."""
    span = other.told.span
    return span.end_time or 0, -(span.start_time or 0)


def _decided(one: Told) -> bool:
    """Whether the process that made the span has a spanledger, which counted it: that says whose run it is."""
    return names.SPANLEDGER_RUN_ID in one.attributes or names.SPANLEDGER_PRICE_STATUS in one.attributes


def _fitting(entries: Iterable[Entry], tenant: str | None) -> Iterator[Entry]:
    """The entries for a tenant, with no text longer than databases look up."""
    for entry in entries:
        changed: dict[str, Any] = {
            name: value[:TEXT]
            for name, value in zip(Entry._fields, entry, strict=True)
            if value.__class__ is str and len(value) > TEXT
        }
        if not all(map(_short, entry.charges)):
            changed["charges"] = tuple(filter(_short, entry.charges))
        if tenant is not None:
            changed["tenant"] = tenant
        yield entry._replace(**changed) if changed else entry


def _short(charge: Charge) -> bool:
    return len("".join(charge[:-1]).encode(errors="replace")) <= COUNTER
