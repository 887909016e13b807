"""A question being answered: what several sections need is read from the ledger once, at one moment."""

from __future__ import annotations

from collections.abc import Collection
from functools import cached_property

from sqlalchemy import Connection

from spanledger.ledger.questions import caches, queries
from spanledger.ledger.questions.results import Hits, Percentiles, Totals
from spanledger.service.asked import Asked


class Reading:
    """Lives as long as its answer is made: nothing is kept for another one.

    It tells sums and latencies by operation, by the group that was asked for, and by those of `groups`.
    """

    def __init__(self, connection: Connection, asked: Asked, groups: Collection[str] = ()) -> None:
        self.connection = connection
        self.asked = asked
        self._own = ("operation", *(() if asked.group is None else (asked.group,)))
        self._groups = groups

    def by(self, group: str) -> dict[str, Totals]:
        """Sums by the values of a group."""
        return self._sums[group]

    def took(self, group: str | None) -> dict[str, Percentiles]:
        """How long calls took, by the values of a group; of all together the key is empty."""
        return self._latencies[group]

    @cached_property
    def sums(self) -> Totals:
        """Everything together."""
        return sum(self.by("operation").values(), Totals())

    @cached_property
    def _sums(self) -> dict[str | None, dict[str, Totals]]:
        return queries.each(self.connection, {*self._own, *self._groups}, self.asked.window, self.asked.only)

    @cached_property
    def _latencies(self) -> dict[str | None, dict[str, Percentiles]]:
        return queries.latencies(self.connection, {None, *self._own}, self.asked.window, self.asked.only)

    @cached_property
    def hits(self) -> dict[str, Hits] | None:
        """How often the app's caches were asked and answered; None where their events do not say what is asked for."""
        if not caches.answers(self.asked.only):
            return None
        return caches.hits(self.connection, self.asked.window, self.asked.only)
