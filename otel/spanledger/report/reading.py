"""One report being made: what it is about, and what is read for it, each once."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from sqlalchemy import Connection

from spanledger.ledger.questions import queries
from spanledger.ledger.questions.filters import Filter, Window
from spanledger.ledger.questions.results import Totals
from spanledger.report import facts
from spanledger.report.model import Period

#: Users that a report lists; the others are summed.
USERS = 20
#: What tables say whose values are in single calls that were too many to be read.
UNREAD = (
    f"{{what}}: this would read more than {facts.ROWS:,} calls. Take a shorter time, or calls of one tenant or user."
)


class Reading:
    """A connection, the span of time, which calls it is about, and how many users are listed."""

    def __init__(self, connection: Connection, period: Period, only: Filter, users: int = USERS) -> None:
        self.connection = connection
        self.period = period
        self.only = only
        self.users = users

    @cached_property
    def now(self) -> Totals:
        """Everything of the period."""
        return queries.totals(self.connection, self.period.window, self.only)

    @cached_property
    def before(self) -> Totals:
        """Everything of the period before."""
        return queries.totals(self.connection, self.period.before, self.only)

    @cached_property
    def singles(self) -> facts.Singles | None:
        """What single calls tell; None where they are too many."""
        if facts.rows_of(self.now) > facts.ROWS:
            return None
        return facts.singles(self.connection, self.period.window, self.only)

    def by(self, group: str, window: Window) -> dict[str, Totals]:
        """Everything of a window by a dimension, or by user."""
        return queries.by(self.connection, group, window, self.only)


def dearest(found: Mapping[str, Totals]) -> list[tuple[str, Totals]]:
    """What cost most, first."""
    return sorted(found.items(), key=lambda one: (-one[1].cost, one[0]))


def mean(sums: Totals) -> int | None:
    """What a call or lost attempt cost whose price is known, in nano-USD; None where there is none such."""
    return round(sums.cost / sums.priced) if sums.priced else None


def change(now: Totals, before: Totals | None) -> float | None:
    """Of the cost; None where there was nothing before, or nobody knows what there is."""
    was = before.known if before else None
    return now.known / was - 1 if was and now.known is not None else None
