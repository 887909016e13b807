"""The price book: from a usage, a provider and a model name to a price, fast and for good."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Literal, NamedTuple, Protocol, TypeVar

from spanledger.errors import contained, failed
from spanledger.pricing.bill import itemised
from spanledger.pricing.limits import UNKNOWN, Limits
from spanledger.pricing.names import LONGEST
from spanledger.pricing.rates import Rates
from spanledger.pricing.tariff import Tariff
from spanledger.usage import Usage

#: Service tiers with prices of their own. All others have standard prices: "default", "auto", "standard", "on_demand".
TIERS = frozenset({"flex", "priority", "fast", "batch"})

#: How many names are kept, known and unknown ones each. Names may come from users; the table has some 2,300 models.
KEPT = 4_096

#: Providers that make models of their own: where a name without provider is looked for, in this order.
MAKERS = ("openai", "anthropic", "google", "mistral", "cohere", "deepseek", "x-ai", "moonshotai", "meta")

#: The version of a price that the provider itself reported.
REPORTED = "reported"

#: What a usage, a name or a time that is none raises. Such a call is unpriced.
UNUSABLE = (ArithmeticError, AttributeError, TypeError, ValueError)

_Key = tuple[str, str, str]
_V = TypeVar("_V")


class Price(NamedTuple):
    """What a call cost, in nano-USD, and who says so: the provider in its answer, or our tables of this version.

    `missing` names what else the call used (fields of `usage.Units`) at a price that nobody knows. The amount is then
    what is known of the cost, and less than the bill.
    """

    nano_usd: int
    version: str
    source: Literal["provider", "local"]
    missing: tuple[str, ...] = ()


class Table(Protocol):
    """Prices by provider and model name."""

    @property
    def version(self) -> str:
        """Name and release of the table."""

    def find(self, provider: str, model: str, tier: str) -> Tariff | None:
        """The tariff of a model; `tier` is one of `TIERS` or "". None if the table does not know the model."""


def _bundled() -> Sequence[Table]:
    """The tables that ship with the package. Imports genai-prices only where our snapshot is of another release."""
    from spanledger.pricing.source import Catalogue  # noqa: PLC0415 - heavy, so not before it is needed

    return (Catalogue.installed(),)


class PriceBook:
    """Prices out of one or more tables; the first table that knows a model decides.

    `load` is called once, at the first look-up. After it, a known model costs two dictionary look-ups. Safe for
    threads without a lock on that path: what two threads find at the same time is the same.

    `price_as` is a model whose price stands in for every unknown one. `broken` says why the user's own prices cannot
    be used: nothing is priced then but what the provider reports, because a list price may be too low, and a hard
    budget has to refuse (kind `misconfigured`).
    """

    def __init__(
        self,
        load: Callable[[], Sequence[Table]] = _bundled,
        *,
        price_as: str | None = None,
        broken: str | None = None,
    ) -> None:
        self._load = load
        self._price_as = price_as
        self.broken = broken
        self._unlock()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._unlock)
        self._tables: Sequence[Table] | None = None
        self._version = ""
        self._known: dict[_Key, Tariff] = {}
        self._unknown: dict[_Key, None] = {}

    @property
    def version(self) -> str:
        """Name and release of the tables, first to last; of a broken book, that it has none."""
        if self.broken:
            return "unusable"
        self._loaded()
        return self._version

    def price(
        self, usage: Usage, *, provider: str, model: str, at: datetime | None = None, tier: str | None = None
    ) -> Price | None:
        """What a call cost; None if nobody knows. Never raises.

        `at` is when the call was made (UTC where it has no time zone; default now), `tier` is the service tier that
        the provider says it used, or "batch". A cost that the provider itself reported is taken as
        it is; one of 0 is not believed, because gateways report it where they do not know.
        """
        try:
            if usage.reported_nano_usd is not None and usage.reported_nano_usd > 0:
                return Price(int(usage.reported_nano_usd), REPORTED, "provider")
            tariff = self.tariff(provider, model, tier)
            return _priced(usage, tariff, at) if tariff else None
        except UNUSABLE as error:
            failed("pricing", error)
            return None

    def rates(self, provider: str, model: str, at: datetime | None = None, tier: str | None = None) -> Rates | None:
        """What each kind of token costs at a moment, cliffs included; None if nobody knows. Never raises.

        A model that is billed by other units than tokens has none: no number of tokens bounds what it costs.
        """
        try:
            tariff = self.tariff(provider, model, tier)
            rates = tariff.at(at) if tariff else None
        except UNUSABLE as error:
            failed("pricing", error)
            return None
        return rates if rates is not None and rates.per_token else None

    def known(self, provider: str, model: str, tier: str | None = None) -> bool:
        """Whether there is any price of the model, be it by tokens or by other units. Never raises."""
        try:
            return self.tariff(provider, model, tier) is not None
        except UNUSABLE as error:
            failed("pricing", error)
            return False

    def limits(self, provider: str, model: str) -> Limits:
        """How much a model takes and gives, as far as it is known. Never raises."""
        try:
            tariff = self.tariff(provider, model, None)
        except UNUSABLE as error:
            failed("pricing", error)
            return UNKNOWN
        return tariff.limits if tariff else UNKNOWN

    def tariff(self, provider: str, model: str, tier: str | None = None) -> Tariff | None:
        """The rates of a model over time; None if nobody knows.

        Raises:
            TypeError: a name is none.
        """
        key = (provider, model, tier if tier in TIERS else "")
        if tariff := self._known.get(key):
            return tariff
        if key in self._unknown:
            return None
        return self._look_up(key)

    def _look_up(self, key: _Key) -> Tariff | None:
        """Ask the tables, and keep the answer either way. What cannot be a name is not asked for, and not kept."""
        provider, model, _ = key
        if self.broken or not model or len(model) > LONGEST or len(provider) > LONGEST:
            return None
        with contained("pricing"):
            tariff = self._found(key) or self._stand_in(key)
            if tariff:
                _keep(self._known, key, tariff)
            else:
                _keep(self._unknown, key, None)
            return tariff
        return None

    def _found(self, key: _Key) -> Tariff | None:
        return next((found for table in self._loaded() if (found := table.find(*key))), None)

    def _stand_in(self, key: _Key) -> Tariff | None:
        """The tariff of the model that unknown ones are priced as, marked as what it is."""
        if self._price_as is None:
            return None
        provider, _, tier = key
        stands = (self._found((owner, self._price_as, tier)) for owner in (provider, "", *MAKERS))
        tariff = next(filter(None, stands), None)
        return replace(tariff, version=f"{tariff.version}+price_as:{self._price_as}") if tariff else None

    def _unlock(self) -> None:
        """A fork may come while another thread loads; in the child nobody does."""
        self._loading = threading.Lock()

    def _loaded(self) -> Sequence[Table]:
        if self._tables is None:
            with self._loading:
                if self._tables is None:
                    tables = self._load()
                    self._version = ",".join(table.version for table in tables)
                    self._tables = tables
        return self._tables


def _priced(usage: Usage, tariff: Tariff, at: datetime | None) -> Price | None:
    """What a usage cost by a tariff; None if that is not known."""
    rates = tariff.at(at)
    if rates is None:
        return None
    if (nano := rates.text_nano(usage)) is not None:
        return Price(int(nano), tariff.version, "local")
    usage = usage.checked()
    if not usage.plausible:
        return None
    if usage.units or not rates.per_token:
        bill = itemised(rates, usage)
        return Price(bill.nano, tariff.version, "local", bill.missing) if bill else None
    return Price(int(rates.nano(usage)), tariff.version, "local")


def _keep(kept: dict[_Key, _V], key: _Key, value: _V) -> None:
    """Put it into a dictionary that starts anew when it is full: simpler than to find out what is used least."""
    if len(kept) >= KEPT:
        kept.clear()
    kept[key] = value
