"""What a call costs: the price book, in integers, from tables that ship with the package.

    model name, provider ─► names ─► source (genai-prices + overlay) ─► Tariff ─► Rates ─► Price
                             │       which entry is meant     compiled once    at a moment   for a usage
                             └─► contract (the user's overrides file): own price, alias or discount

A price that is not known is None, never 0. Nothing here opens a connection, and nothing heavy is imported before the
first look-up.
"""

from spanledger.pricing.book import Price, PriceBook
from spanledger.pricing.limits import Limits
from spanledger.pricing.opening import open_book
from spanledger.pricing.rates import Rates

__all__ = ["Limits", "Price", "PriceBook", "Rates", "open_book"]
