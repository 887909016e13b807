"""A question being answered: what several sections need is read from the ledger once, at one moment."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property

from sqlalchemy import Connection

from spanledger.ledger import caches, queries
from spanledger.ledger.results import Hits, Latencies, Spend, Totals
from spanledger.service.asked import Asked


class Reading:
    """Lives as long as its answer is made: nothing is kept for another one."""

    def __init__(self, connection: Connection, asked: Asked) -> None:
        self.connection = connection
        self.asked = asked
        self._by: dict[str, dict[str, Totals]] = {}

    def by(self, group: str) -> dict[str, Totals]:
        """Sums by the values of a group."""
        if group not in self._by:
            self._by[group] = queries.by(self.connection, group, self.asked.window, self.asked.only)
        return self._by[group]

    def spend(self, group: str) -> Mapping[str, Totals | Spend]:
        """What was spent by the values of a group."""
        asked = self.asked
        return self._by.get(group) or queries.spend(self.connection, group, asked.window, asked.only)

    @cached_property
    def sums(self) -> Totals:
        """Everything together."""
        return sum(self.by("operation").values(), Totals())

    @cached_property
    def took(self) -> Latencies:
        """How long calls took, by operation and all together."""
        return queries.latencies(self.connection, "operation", self.asked.window, self.asked.only)

    @cached_property
    def hits(self) -> dict[str, Hits] | None:
        """How often the app's caches were asked and answered; None where their events do not say what is asked for."""
        if not caches.answers(self.asked.only):
            return None
        return caches.hits(self.connection, self.asked.window, self.asked.only)
