"""What the commands about prices share: the book they ask, who is meant by a model, and how money is written."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from datetime import UTC, datetime, time
from decimal import Decimal
from pathlib import Path

from spanledger import config
from spanledger.cli.run import environment
from spanledger.errors import ConfigError
from spanledger.pricing import PriceBook
from spanledger.pricing.book import MAKERS, TIERS
from spanledger.pricing.opening import contract_book, open_book
from spanledger.pricing.rates import TOKEN_KINDS, Rates
from spanledger.pricing.tariff import Tariff

#: What a kind of token costs where it has no price of its own.
_WHOLE_OF = {
    "cache_read": "input", "cache_write": "input", "cache_write_long": "cache_write", "input_audio": "input",
    "input_image": "input", "input_video": "input", "cache_read_audio": "cache_read", "cache_read_image": "cache_read",
    "reasoning": "output", "output_audio": "output", "output_image": "output", "output_video": "output",
    "citation": "output",
}  # fmt: skip

_NO_PRICE = "put one into a file and name it in SPANLEDGER_PRICES (docs/cost.md)"


@dataclass(frozen=True, slots=True)
class Quote:
    """The tariff of a model at a provider, and the rates at one moment."""

    provider: str
    model: str
    tier: str
    at: datetime
    tariff: Tariff
    rates: Rates

    def __str__(self) -> str:
        """Such as `gpt-4o-mini (openai) on 2026-11-21, standard tier`."""
        when = f"{self.at:%Y-%m-%d}" if self.at.time() == time.min else f"{self.at:%Y-%m-%d %H:%M} UTC"
        served = f" ({self.provider})" if self.provider else ""
        return f"{self.model}{served} on {when}, {self.tier or 'standard'} tier"


def add_choice(own: argparse.ArgumentParser) -> None:
    """The options that say which price is meant."""
    own.add_argument("--provider", help="who serves the model; by default its maker")
    own.add_argument("--at", type=moment, metavar="DATE", help="2026-11-21 or 2026-11-21T14:00, in UTC; default now")
    own.add_argument("--tier", choices=sorted(TIERS), help="service tier; by default the standard one")
    add_format(own)


def add_format(own: argparse.ArgumentParser) -> None:
    """The option for machine-readable output."""
    own.add_argument("--format", choices=("text", "json"), default="text")


def moment(text: str) -> datetime:
    """A day or a moment; without time zone it is UTC."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is no date; write it as 2026-11-21 or 2026-11-21T14:00") from error
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def setting() -> str | None:
    """The file that SPANLEDGER_PRICES names."""
    return config.strict(environment(os.environ, Path.cwd())).prices


def the_book() -> PriceBook:
    """The book of the environment.

    Raises:
        ConfigError: its price file cannot be used.
    """
    prices = setting()
    return contract_book(prices) if prices else open_book(None, None)


def quote(book: PriceBook, given: argparse.Namespace) -> Quote:
    """The price that is asked for.

    Raises:
        ConfigError: nobody knows it, or not that of the tier.
    """
    at, tier = given.at or datetime.now(UTC).replace(microsecond=0), given.tier or ""
    for provider in (given.provider,) if given.provider else ("", *MAKERS):
        tariff = book.tariff(provider, given.model, tier)
        rates = tariff.at(at) if tariff else None
        if tariff and rates:
            found = Quote(provider, given.model, tier, at, tariff, rates)
            _of_tier(book.tariff(provider, given.model), found)
            return found
    if given.provider:
        raise ConfigError(f"no price is known for {given.model} at {given.provider}; {_NO_PRICE}")
    raise ConfigError(f"no price is known for {given.model}; say who serves it (--provider), or {_NO_PRICE}")


def _of_tier(standard: Tariff | None, found: Quote) -> None:
    """Whether the price is the tier's own: where the tables do not know a tier they say the standard price.

    Raises:
        ConfigError: it is the standard tier's.
    """
    if not found.tier or standard is None or found.rates != standard.at(found.at):
        return
    begins = (datetime.combine(day, time.min, UTC) for day in found.tariff.days)
    known = next((day for day in begins if day > found.at and found.tariff.at(day) != standard.at(day)), None)
    when = f" before {known:%Y-%m-%d}" if known else ""
    raise ConfigError(
        f"no price of its own is known for {found}{when}: its calls are priced as the standard tier's (leave --tier "
        f"out); {_NO_PRICE}"
    )


def rates_of(rates: Rates) -> dict[str, str]:
    """USD per million tokens by kind, without the parts that cost what their whole costs."""
    if not rates.per_token:
        return {}
    told = {}
    for kind in TOKEN_KINDS:
        whole = _WHOLE_OF.get(kind, kind)
        if kind == whole or getattr(rates, kind) != getattr(rates, whole):
            told[kind] = per_million(getattr(rates, kind))
    return told


def uses_of(rates: Rates) -> dict[str, str]:
    """USD for one use of what is no token, by kind; audio by time is for an hour."""
    own = {"web_search": rates.web_search, "request": rates.request, **rates.fees}
    return {kind: usd(fee) for kind, fee in own.items() if fee}


def per_million(pico: int) -> str:
    """Pico-USD per token as USD per million tokens."""
    return plain(Decimal(pico) / 10**6)


def usd(pico: int) -> str:
    """Pico-USD as USD."""
    return plain(Decimal(pico) / 10**12)


def plain(amount: Decimal) -> str:
    """A number without an exponent and without zeros at the end."""
    return f"{amount.normalize():f}"
