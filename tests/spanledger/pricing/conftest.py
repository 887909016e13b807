"""The price book of the package, once for all tests."""

import pytest

from spanledger.pricing import PriceBook


@pytest.fixture(scope="session")
def book() -> PriceBook:
    return PriceBook()
