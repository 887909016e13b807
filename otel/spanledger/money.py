"""How money is counted and written: whole nano-USD, exact for machines, short for people.

What nobody knows the price of is no amount: whoever shows a cost says so beside it, and never writes 0.
"""

from __future__ import annotations

from decimal import Decimal

#: Nano-USD of a dollar. Nanoseconds of a second are as many.
NANO = 1_000_000_000


def nine_places(nano: int) -> str:
    """For machines: a decimal string in USD with nine places."""
    return f"{Decimal(nano).scaleb(-9):.9f}"


def usd(nano: int) -> str:
    """For people. From a dollar on cents; below, the four digits that say something, never 0 for what is not 0."""
    amount = abs(Decimal(nano).scaleb(-9))
    sign = "-" if nano < 0 else ""
    if not nano or amount >= 1:
        return f"{sign}${amount:,.2f}"
    whole, _, places = f"{amount:.{min(9, 3 - amount.adjusted())}f}".partition(".")
    return f"{sign}${whole}.{places.rstrip('0'):0<2}"
