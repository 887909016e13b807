"""Budgets as metrics: gauges of what stands in the books, counters of refusals and warnings."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable

from opentelemetry import metrics
from opentelemetry.metrics import CallbackOptions, Observation

from spanledger.budget.listing import Row, rows
from spanledger.budget.model import Budget, in_unit
from spanledger.budget.store import StoreError
from spanledger.errors import Refusal, failed
from spanledger.guard import Guard, Warned
from spanledger.pipeline.tally import Capped, Tally
from spanledger.semconv import names

#: Distinct scope values told, after which new ones are counted as `other`.
VALUES = 500
#: Stands for the values of scopes that no label may hold: the fullest of them is told.
ANY = "*"
_HIDDEN = frozenset({"run", "session", "user", "key"})
#: Seconds for which the books are not read again: all gauges of a collection tell the same.
_FRESH = 1.0


class Fullest:
    """Rows as gauges tell them: those in USD; where labels must not tell them apart, the one with the least left."""

    def __init__(self, budgets: Iterable[Budget]) -> None:
        self._value = Capped(VALUES)
        self._hidden = {b.name for b in budgets if not _HIDDEN.isdisjoint(b.scope)}

    def __call__(self, found: Iterable[Row]) -> dict[tuple[str, str], Row]:
        """The rows to tell, by what their labels say: budget and scope value."""
        told: dict[tuple[str, str], Row] = {}
        for row in found:
            if row.unit != "USD":
                continue
            place = (row.name, ANY if row.name in self._hidden else self._value(row.scope_value))
            if place not in told or _left(row) < _left(told[place]):
                told[place] = row
        return told


class BudgetMeters:
    """The instruments of a guard's budgets. Budgets of tokens and calls have no gauges: these are in USD."""

    def __init__(self, guard: Guard, provider: metrics.MeterProvider | None = None) -> None:
        self._guard = guard
        self._fullest = Fullest(guard.register.budgets)
        self._refusals, self._warnings = Tally(), Tally()
        self._read = float("-inf")
        self._rows: list[Row] = []
        meter = metrics.get_meter("spanledger", meter_provider=provider)
        for metric, figure in (
            (names.METRIC_SPANLEDGER_BUDGET_LIMIT, lambda row: row.limit),
            (names.METRIC_SPANLEDGER_BUDGET_SPENT, lambda row: row.spent),
            (names.METRIC_SPANLEDGER_BUDGET_HELD, lambda row: row.held),
            (names.METRIC_SPANLEDGER_BUDGET_REMAINING, lambda row: row.remaining),
        ):
            meter.create_observable_gauge(metric[0], [self._gauge(figure)], metric[1], metric[2])
        for metric, tally in (
            (names.METRIC_SPANLEDGER_BUDGET_REFUSALS, self._refusals),
            (names.METRIC_SPANLEDGER_BUDGET_WARNINGS, self._warnings),
        ):
            meter.create_observable_counter(metric[0], [tally], metric[1], metric[2])
        guard.on_refusal.append(self._refused)
        guard.on_warning.append(self._warned)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forked)

    def _forked(self) -> None:
        self._refusals.clear()
        self._warnings.clear()

    def _refused(self, refusal: Refusal) -> None:
        self._refusals.add(
            ((names.SPANLEDGER_BUDGET_NAME, refusal.budget), (names.SPANLEDGER_BUDGET_KIND, refusal.kind))
        )

    def _warned(self, warned: Warned) -> None:
        self._warnings.add(((names.SPANLEDGER_BUDGET_NAME, warned.budget.name),))

    def _gauge(self, figure: Callable[[Row], int | None]) -> Callable[[CallbackOptions], Iterable[Observation]]:
        def observe(_options: CallbackOptions) -> Iterable[Observation]:
            return [
                Observation(
                    float(in_unit(row.unit, value)),
                    {names.SPANLEDGER_BUDGET_NAME: name, names.SPANLEDGER_BUDGET_SCOPE_VALUE: scope_value},
                )
                for (name, scope_value), row in self._fullest(self._current()).items()
                if (value := figure(row)) is not None
            ]

        return observe

    def _current(self) -> list[Row]:
        now = time.monotonic()
        if now - self._read >= _FRESH and self._guard.store is not None:
            try:
                self._rows = rows(self._guard.register.budgets, self._guard.store)
            except StoreError as error:
                failed("store", error)
                return []
            self._read = now
        return self._rows


def _left(row: Row) -> float:
    return float("inf") if row.remaining is None else row.remaining
