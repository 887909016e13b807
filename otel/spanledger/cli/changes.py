"""What a price file changes, model by model."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal

from spanledger.cli.quote import per_million, rates_of, uses_of
from spanledger.pricing.book import MAKERS
from spanledger.pricing.contract import Contract
from spanledger.pricing.overrides import Name, Overrides
from spanledger.pricing.rates import Rates
from spanledger.pricing.source import Catalogue

#: A discount has no model of its own to compare: its share of a dollar per million tokens is shown.
_DOLLAR = 10**6


@dataclass(frozen=True, slots=True)
class Change:
    """The rates of one name in the file at a moment, before and with the file; None where nobody knows them."""

    name: str
    before: dict[str, str] | None
    after: dict[str, str] | None

    def rows(self) -> Iterator[dict[str, str | None]]:
        """One row for each kind of price that is not the same."""
        before, after = self.before or {}, self.after or {}
        for kind in {**after, **before}:
            old, new = before.get(kind), after.get(kind)
            if old != new:
                yield {"name": self.name, "kind": kind, "before": old, "after": new, "percent": _percent(old, new)}


def changes(overrides: Overrides, against: Overrides | None, at: datetime | None) -> Iterator[Change]:
    """Every name in the file whose rates are not those of the tables, or of another file."""
    moment, catalogue = at or datetime.now(UTC), Catalogue.installed()
    old: Contract | Catalogue = Contract(against, catalogue) if against else catalogue
    new = Contract(overrides, catalogue)
    for name, tier in _names(overrides):
        before, after = (_at(table, name, tier, moment) for table in (old, new))
        kinds = _kinds(before) | _kinds(after)
        change = Change(_shown(name, tier), _rates(before, kinds), _rates(after, kinds))
        if before is None or any(change.rows()):
            yield change
    for provider, off in overrides.discounts.items():
        rest = per_million(int(_DOLLAR * (100 - off) / 100))
        yield Change(f"{provider}, list prices", {"a dollar": "1"}, {"a dollar": rest})


def _names(overrides: Overrides) -> dict[tuple[Name, str], None]:
    """Names with a price or alias of their own, each once, in the order of the file."""
    priced = {(own.name, own.tier): None for own in overrides.prices}
    return priced | {(alias.name, ""): None for alias in overrides.aliases}


def _shown(name: Name, tier: str) -> str:
    return f"{name.provider or 'any provider'}, {name.model}{f', {tier}' if tier else ''}"


def _at(table: Contract | Catalogue, name: Name, tier: str, moment: datetime) -> Rates | None:
    """The rates of a name; where it is for any provider, with the first maker of models that has it."""
    for provider in (name.provider,) if name.provider else ("", *MAKERS):
        tariff = table.find(provider, name.model, tier)
        if tariff and (rates := tariff.at(moment)):
            return rates
    return None


def _kinds(rates: Rates | None) -> dict[str, None]:
    """The kinds of token whose price is not that of their whole, in some row."""
    rows = (rates, *(row for _, row in rates.cliffs)) if rates else ()
    return {kind: None for row in rows for kind in rates_of(row)}


def _rates(rates: Rates | None, kinds: Iterable[str]) -> dict[str, str] | None:
    if rates is None:
        return None
    rows = [("", rates), *((f" above {at}", row) for at, row in reversed(rates.cliffs))]
    found = {f"{kind}{where}": per_million(getattr(row, kind)) for where, row in rows for kind in kinds}
    return (found if rates.per_token else {}) | uses_of(rates)


def _percent(old: str | None, new: str | None) -> str | None:
    if not (old and new) or not Decimal(old):
        return None
    return f"{(Decimal(new) / Decimal(old) - 1) * 100:+.1f}"
