"""A price as span attributes, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanledger.money import NANO
from spanledger.pricing.book import Price
from spanledger.semconv import names

#: No call costs as much, in USD: such an amount is none.
BEYOND_BELIEF = 1e6


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


def price_told(found: Mapping[str, Any]) -> Price | None:
    """The price that a span tells, None where it tells none that can be used: in another currency, or no amount.

    An amount that does not say whose it is comes from whoever made the span, and we did not work it out.
    """
    amount = found.get(names.GEN_AI_USAGE_COST_AMOUNT)
    if found.get(names.GEN_AI_USAGE_COST_CURRENCY, "USD") != "USD" or not isinstance(amount, (int, float)):
        return None
    if isinstance(amount, bool) or not 0 <= amount < BEYOND_BELIEF:
        return None
    ours = found.get(names.GEN_AI_USAGE_COST_SOURCE) == names.GEN_AI_USAGE_COST_SOURCE_LOCAL
    version, missing = found.get(names.SPANLEDGER_PRICE_VERSION), found.get(names.SPANLEDGER_PRICE_MISSING)
    return Price(
        round(amount * NANO),
        version if isinstance(version, str) else "",
        "local" if ours else "provider",
        tuple(map(str, missing)) if isinstance(missing, (list, tuple)) else (),
    )


def settled(found: Mapping[str, Any]) -> bool:
    """Whether somebody has settled already what a span cost, or that nobody knows.

    A cost of 0 alone is not believed, as with providers: instrumentations write it where they know no price.
    """
    return names.SPANLEDGER_PRICE_STATUS in found or found.get(names.GEN_AI_USAGE_COST_AMOUNT, 0) != 0
