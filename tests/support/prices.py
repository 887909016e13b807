"""Tables of prices for tests, and the shortest way to ask for a price."""

from __future__ import annotations

from datetime import UTC, datetime

from spanledger.pricing import PriceBook
from spanledger.pricing.book import Table
from spanledger.pricing.rates import complete
from spanledger.pricing.tariff import Tariff
from spanledger.usage import Usage

NOV = datetime(2026, 11, 21, 12, tzinfo=UTC)
CALL = Usage(input=1_000, output=500)


class Fixed:
    """A table that knows one model, and how often it was asked."""

    version = "fixed/1"

    def __init__(self, model: str = "known", price: int = 1_000_000) -> None:
        self.model = model
        self.tariff = Tariff(self.version, (complete({"input": price}, web_search=0),))
        self.asked: list[tuple[str, str, str]] = []

    def find(self, provider: str, model: str, tier: str) -> Tariff | None:
        """The one tariff, for the one model."""
        self.asked.append((provider, model, tier))
        return self.tariff if model == self.model else None


def book_of(*tables: Table) -> PriceBook:
    """A book with these tables."""
    return PriceBook(lambda: tables)


def nano(book: PriceBook, usage: Usage, provider: str, model: str, tier: str | None = None) -> int | None:
    """What a call costs in November 2026, in nano-USD."""
    price = book.price(usage, provider=provider, model=model, at=NOV, tier=tier)
    return price.nano_usd if price else None
