"""A price as span attributes."""

from __future__ import annotations

from typing import Any

from spanledger.pricing.book import Price
from spanledger.semconv import names

#: Nano-USD in a dollar.
NANO = 10**9


def price_attributes(price: Price | None, book_version: str) -> dict[str, Any]:
    """A price as span attributes. An unknown price says so and has no amount; it is never 0.

    Where the price is known only in part, it says so too, with the amount that is known and what is missing from it.
    """
    if price is None:
        return {
            names.SPANLEDGER_PRICE_STATUS: names.SPANLEDGER_PRICE_STATUS_UNPRICED,
            names.SPANLEDGER_PRICE_VERSION: book_version,
        }
    found: dict[str, Any] = {
        names.GEN_AI_USAGE_COST_AMOUNT: price.nano_usd / NANO,
        names.GEN_AI_USAGE_COST_CURRENCY: "USD",
        names.GEN_AI_USAGE_COST_SOURCE: price.source,
        names.SPANLEDGER_PRICE_STATUS: names.SPANLEDGER_PRICE_STATUS_PRICED,
        names.SPANLEDGER_PRICE_VERSION: price.version,
    }
    if price.missing:
        found[names.SPANLEDGER_PRICE_STATUS] = names.SPANLEDGER_PRICE_STATUS_UNPRICED
        found[names.SPANLEDGER_PRICE_MISSING] = price.missing
    return found
