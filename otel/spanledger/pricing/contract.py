"""The price tables as the user's overrides change them: own prices first, then aliases, then discounts on the list."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, time
from decimal import Decimal

from spanledger.pricing import compiling, names
from spanledger.pricing.limits import Limits
from spanledger.pricing.overrides import Overrides, Own
from spanledger.pricing.rates import Rates, nothing, scaled
from spanledger.pricing.source import Catalogue
from spanledger.pricing.tariff import Tariff


class Contract:
    """A catalogue under overrides. A look-up keeps nothing; the price book does."""

    def __init__(self, overrides: Overrides, catalogue: Catalogue) -> None:
        self.version = f"{catalogue.version},{overrides.version}"
        self.providers = {**overrides.providers, **catalogue.providers}
        self._overrides = overrides
        self._catalogue = catalogue

    def find(self, provider: str, model: str, tier: str) -> Tariff | None:
        """The tariff of a model in a tier; None if neither the file nor the tables know it."""
        for owner, name in self._spellings(provider, model):
            if alias := self._overrides.alias(owner, name):
                return self._priced(alias.of or provider, alias.model, tier)
        return self._priced(provider, model, tier)

    def listed(self, provider: str, model: str, tier: str) -> Tariff | None:
        """The list price of a model, as if there were no overrides."""
        return self._catalogue.find(provider, model, tier)

    def _priced(self, provider: str, model: str, tier: str) -> Tariff | None:
        """The user's own price of a model, or the list price less the discount."""
        listed = self.listed(provider, model, tier)
        for owner, name in self._spellings(provider, model):
            if own := self._overrides.own(owner, name, tier):
                return self._own(owner, own, listed)
            if (
                tier
                and self._same_in_every_tier(provider, model, listed)
                and (own := self._overrides.own(owner, name, ""))
            ):
                return self._own(owner, own, self.listed(provider, model, ""))
        return self._discounted(provider, listed)

    def _spellings(self, provider: str, model: str) -> Iterator[tuple[str, str]]:
        """What the file may call a model, most literal first.

        A name without date means its dated snapshots, but not those that the tables price apart.
        """
        literal = model.strip().lower()
        yield provider, literal
        for owner, name in names.candidates(provider, model, self.providers):
            yield owner, name
            for spelling in names.spellings(name):
                if not self._priced_apart(owner, name, spelling):
                    yield owner, spelling

    def _priced_apart(self, owner: str, name: str, spelling: str) -> bool:
        if spelling == name or name.startswith("ft:"):
            return False
        snapshot, plain = self.listed(owner, name, ""), self.listed(owner, spelling, "")
        return snapshot is not None and plain is not None and snapshot.rates != plain.rates

    def _same_in_every_tier(self, provider: str, model: str, listed: Tariff | None) -> bool:
        """Whether the tables have no price of its own for a tier, whose tariff is given."""
        standard = self.listed(provider, model, "")
        return listed is None or (standard is not None and standard.rates == listed.rates)

    def _own(self, owner: str, prices: tuple[Own, ...], listed: Tariff | None) -> Tariff:
        fees = self._catalogue.fees(owner, prices[0].name.model)
        version = self._overrides.version
        days, rows, hours = _before(prices[0].since, listed)
        if rows:
            version = f"{listed.version}+{version}" if listed else version
        for price in prices:
            rates = nothing({}) if price.free else compiling.laddered(price.named, fees)
            rows = (*rows, *([rates] * (len(hours) + 1)))
        days = (*days, *(price.since for price in prices if price.since))
        known = listed.limits if listed else Limits()
        limits = prices[-1].limits
        return Tariff(version, rows, days, hours, Limits(limits.window or known.window, limits.output or known.output))

    def _discounted(self, provider: str, listed: Tariff | None) -> Tariff | None:
        known = names.provider_id(provider, self.providers) or provider
        off = self._overrides.discount(known)
        if listed is None or not off:
            return listed
        share = (100 - off) / Decimal(100)
        rates = tuple(scaled(rates, share) if rates else None for rates in listed.rates)
        version = f"{listed.version}+{self._overrides.version}"
        return Tariff(version, rates, listed.days, listed.hours, listed.limits)


def _before(
    since: date | None, listed: Tariff | None
) -> tuple[tuple[date, ...], tuple[Rates | None, ...], tuple[time, ...]]:
    """Days, rows and hours of the list price for the time before the first price of the file."""
    if since is None:
        return (), (), ()
    if listed is None:
        return (), (None,), ()
    days = tuple(day for day in listed.days if day < since)
    return days, listed.rates[: (len(days) + 1) * (len(listed.hours) + 1)], listed.hours
