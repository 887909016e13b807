"""The user's own prices: a YAML file with contract prices, aliases, discounts and models of their own.

Whatever is wrong with the file is a `ConfigError` that names the file, line and place; no part of a file that is wrong
is used. `prices.schema.json` beside this module says what may be in it.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import ROUND_CEILING, Decimal
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spanledger.errors import ConfigError
from spanledger.pricing.entries import Ladder, Named
from spanledger.pricing.limits import Limits
from spanledger.pricing.names import fold
from spanledger.pricing.rates import TOKEN_KINDS

if TYPE_CHECKING:
    from spanledger.pricing.document import Document, Problem

SCHEMA = Path(__file__).with_name("prices.schema.json")

#: Fields of `per_use` that are not called as kinds of our fees are, and pico-USD per unit for a dollar of each.
_USES = {"audio_hours": "audio_ms", "million_characters": "characters"}
_MILLION, _EACH = 10**6, 10**12

#: How many problems are told at once.
_TOLD = 5


@dataclass(frozen=True, slots=True)
class Name:
    """Which calls a line of the file is about: to a provider (None: any), with a model name (* for any text)."""

    provider: str | None
    model: str

    def takes(self, provider: str, model: str) -> bool:
        """Whether a call is meant; the model in lower case."""
        if self.provider is not None and fold(self.provider) != fold(provider):
            return False
        return re.fullmatch(re.escape(self.model.lower()).replace(r"\*", ".*"), model) is not None

    @property
    def exactness(self) -> tuple[bool, int, bool]:
        """Of two names that take a call, the greater one is meant."""
        return "*" not in self.model, len(self.model.replace("*", "")), self.provider is not None


@dataclass(frozen=True, slots=True)
class Own:
    """A price of the user's own, in pico-USD, from a day on (None: always)."""

    name: Name
    tier: str
    since: date | None
    free: bool
    named: Named
    limits: Limits


@dataclass(frozen=True, slots=True)
class Alias:
    """A name that stands for a model, of another provider where `of` says so."""

    name: Name
    model: str
    of: str | None


@dataclass(frozen=True)
class Overrides:
    """What the file says. `version` names it and its content, so that every price can be traced to it."""

    version: str
    prices: tuple[Own, ...] = ()
    aliases: tuple[Alias, ...] = ()
    discounts: Mapping[str, Decimal] = field(default_factory=dict)
    exchange: Mapping[str, str] = field(default_factory=dict)

    @cached_property
    def providers(self) -> dict[str, str]:
        """Providers that the file names, by folded name."""
        called = [own.name for own in self.prices] + [alias.name for alias in self.aliases]
        named = (*(name.provider for name in called), *self.discounts)
        return {fold(provider): provider for provider in named if provider}

    def alias(self, provider: str, model: str) -> Alias | None:
        """The most exact alias for a call."""
        found = [each for each in self.aliases if each.name.takes(provider, model)]
        return max(found, key=lambda each: each.name.exactness, default=None)

    def own(self, provider: str, model: str, tier: str) -> tuple[Own, ...]:
        """The prices of the most exact name for a call in a tier, by day."""
        found = [each for each in self.prices if each.tier == tier and each.name.takes(provider, model)]
        if not found:
            return ()
        name = max((each.name for each in found), key=lambda name: name.exactness)
        return tuple(sorted((each for each in found if each.name == name), key=lambda each: each.since or date.min))

    def discount(self, provider: str) -> Decimal:
        """Per cent off the list price of a provider."""
        return next((off for name, off in self.discounts.items() if fold(name) == fold(provider)), Decimal(0))


def read(path: str | Path) -> Overrides:
    """The overrides of a file.

    Raises:
        ConfigError: it cannot be read, or something in it is wrong.
    """
    try:
        raw = Path(path).read_bytes()
        text = raw.decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "is not UTF-8"
        raise ConfigError(f"the price file {path} cannot be read ({reason}); name a readable YAML file") from error
    from spanledger.pricing.document import Document, Malformed  # noqa: PLC0415 - imports PyYAML

    try:
        document = Document(text)
    except Malformed as error:
        raise ConfigError(f"the price file {path} cannot be used: {error}") from error
    problems = list(document.against(json.loads(SCHEMA.read_text(encoding="utf-8")))) or list(_contradictions(document))
    if problems:
        told = "; ".join(map(str, problems[:_TOLD])) + (f"; and {len(problems) - _TOLD} more" * (len(problems) > _TOLD))
        raise ConfigError(f"the price file {path} cannot be used: {told}")
    name = document.value.get("name", Path(path).stem)
    return _overrides(document.value, f"{name}@{hashlib.sha256(raw).hexdigest()[:8]}")


def _contradictions(document: Document) -> Iterator[Problem]:
    """What a schema cannot say."""
    value = document.value
    exchange = value.get("exchange", {})
    seen: dict[tuple[Any, ...], int] = {}
    for currency, rate in exchange.items():
        if not re.fullmatch("[A-Z]{3}", currency):
            yield document.at(("exchange", currency), "must be a currency code such as EUR")
        yield from _bad_date(document, ("exchange", currency, "date"), rate["date"])
    if value.get("currency", "USD") not in ("USD", *exchange):
        yield document.at(("currency",), f"has no rate; add exchange: {value['currency']}: {{usd: ..., date: ...}}")
    for place, price in enumerate(value.get("prices", ())):
        path = ("prices", place)
        yield from _bad_date(document, (*path, "from"), price.get("from"))
        if price.get("currency", "USD") not in ("USD", *exchange):
            yield document.at((*path, "currency"), f"has no rate; add {price['currency']} under exchange")
        if problem := _worthless(price):
            yield document.at(path, problem)
        key = tuple(price.get(part) for part in ("provider", "model", "tier", "from"))
        if seen.setdefault(key, place) != place:
            yield document.at(path, f"is about the same model, tier and day as prices[{seen[key]}]; keep one")
    for place, alias in enumerate(value.get("aliases", ())):
        if alias["is"] == alias["model"] and alias.get("of", alias.get("provider")) == alias.get("provider"):
            yield document.at(("aliases", place), "stands for itself; name another model under is")


def _bad_date(document: Document, path: tuple[str | int, ...], text: str | None) -> Iterator[Problem]:
    try:
        date.fromisoformat(text or "2026-01-01")
    except ValueError:
        yield document.at(path, f"is no day of the calendar: {text}")


def _worthless(price: Mapping[str, Any]) -> str | None:
    """What is wrong with the amounts of a price: none, or 0 without the word that says so."""
    amounts = [price[kind] for kind in TOKEN_KINDS if kind in price] + list(price.get("per_use", {}).values())
    if price.get("free"):
        return "is free and has prices; keep one of both" if amounts else None
    if not any(amounts):
        return "has no price above 0; add input and output, or free: true if it costs nothing"
    if stray := {kind for cliff in price.get("above", ()) for kind in cliff if kind != "tokens" and kind not in price}:
        return f"has {', '.join(sorted(stray))} above a threshold only; add what it is below"
    if "input" not in price and any(kind in price for kind in TOKEN_KINDS):
        return "has no input price; add input, in currency units per million tokens"
    return None


def _overrides(value: Mapping[str, Any], version: str) -> Overrides:
    usd = {code: rate["usd"] for code, rate in value.get("exchange", {}).items()} | {"USD": Decimal(1)}
    default = value.get("currency", "USD")
    return Overrides(
        version,
        tuple(_own(price, usd[price.get("currency", default)]) for price in value.get("prices", ())),
        tuple(Alias(_name(alias), alias["is"], alias.get("of")) for alias in value.get("aliases", ())),
        {each["provider"]: each["percent_off"] for each in value.get("discounts", ())},
        {code: f"1 {code} = {rate['usd']} USD on {rate['date']}" for code, rate in value.get("exchange", {}).items()},
    )


def _name(value: Mapping[str, Any]) -> Name:
    return Name(value.get("provider"), value["model"])


def _own(price: Mapping[str, Any], usd: Decimal) -> Own:
    named = {kind: _ladder(price, kind, usd) for kind in TOKEN_KINDS if kind in price}
    for use, amount in price.get("per_use", {}).items():
        unit = _MILLION if use == "million_characters" else _EACH
        named[_USES.get(use, use)] = ((-1, _pico(amount * usd, unit)),)
    window, most = price.get("context_window"), price.get("max_output")
    return Own(
        _name(price),
        price.get("tier", ""),
        date.fromisoformat(price["from"]) if "from" in price else None,
        price.get("free", False),
        named,
        Limits(int(window) if window else None, int(most) if most else None),
    )


def _ladder(price: Mapping[str, Any], kind: str, usd: Decimal) -> Ladder:
    """The rate of a kind with its cliffs; where a cliff does not name the kind, the rate below it goes on."""
    cliffs = sorted(price.get("above", ()), key=lambda cliff: cliff["tokens"])
    above = [(int(cliff["tokens"]), _pico(cliff[kind] * usd, _MILLION)) for cliff in cliffs if kind in cliff]
    return ((-1, _pico(price[kind] * usd, _MILLION)), *above)


def _pico(usd: Decimal, unit: int) -> int:
    return int((usd * unit).to_integral_value(ROUND_CEILING))
