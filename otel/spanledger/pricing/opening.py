"""Makes the price book that the settings ask for."""

from __future__ import annotations

from collections.abc import Sequence

from spanledger.errors import ConfigError
from spanledger.pricing.book import PriceBook, Table

_PRICE_AS = "price_as:"


def open_book(prices: str | None, unpriced: str | None) -> PriceBook:
    """A book with the overrides of a file (`SPANLEDGER_PRICES`) and the policy for unknown models.

    A file that cannot be used makes a book that is `broken`, and prices nothing.
    """
    price_as = unpriced.removeprefix(_PRICE_AS) if unpriced and unpriced.startswith(_PRICE_AS) else None
    if prices is None:
        return PriceBook(price_as=price_as)
    try:
        return contract_book(prices, price_as)
    except ConfigError as error:
        return PriceBook(broken=str(error))


def contract_book(prices: str, price_as: str | None = None) -> PriceBook:
    """A book with the overrides of a file.

    Raises:
        ConfigError: the file cannot be used.
    """
    from spanledger.pricing.overrides import read  # noqa: PLC0415 - most apps have no such file

    overrides = read(prices)

    def load() -> Sequence[Table]:
        from spanledger.pricing.contract import Contract  # noqa: PLC0415 - the tables are heavy
        from spanledger.pricing.source import Catalogue  # noqa: PLC0415

        return (Contract(overrides, Catalogue.installed()),)

    return PriceBook(load, price_as=price_as)
