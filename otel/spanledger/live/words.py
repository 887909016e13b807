"""Figures as people read them. Money is nano-USD; what nobody knows the price of is said so, and is never $0."""

from __future__ import annotations

from spanledger.budget.model import Unit
from spanledger.money import usd

#: Cells of a bar.
WIDTH = 20


def cost(nano: int, unpriced: int) -> str:
    """What is known of a cost, and of how many calls it is not known."""
    if not unpriced:
        return usd(nano)
    return f"{usd(nano)} + {unpriced} unpriced" if nano else f"{unpriced} unpriced"


def spent(tokens: int, nano: int, unpriced: int) -> str:
    """The same of calls that may have used nothing, such as failed ones: a dash then."""
    return cost(nano, unpriced) if tokens or nano or unpriced else "-"


def number(count: int, what: str) -> str:
    """So many of something."""
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def amount(unit: Unit, value: int) -> str:
    """An amount that a budget counts."""
    return usd(value) if unit == "USD" else f"{value:,} {unit}"


def percent(part: float, whole: float) -> str:
    """A share; a dash where there is no whole."""
    return f"{part / whole:.0%}".replace("%", " %") if whole else "-"


def bar(share: float) -> str:
    """A share as a bar."""
    full = max(0, min(WIDTH, int(share * WIDTH)))
    return "█" * full + "░" * (WIDTH - full)
