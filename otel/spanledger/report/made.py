"""From the ledger to the tables of a report."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields, replace
from typing import Literal

from sqlalchemy import Connection

from spanledger.ledger import queries
from spanledger.ledger.filters import ALL, Filter, Window
from spanledger.ledger.results import Totals
from spanledger.report import facts
from spanledger.report.model import Cell, Column, Period, Report, Table

Kind = Literal["cost", "quality", "tenants", "models", "all"]

_SUMS = (
    Column("calls", "Calls", "count"),
    Column("input_tokens", "Input tokens", "count"),
    Column("output_tokens", "Output tokens", "count"),
    Column("cache_read_tokens", "of input cached", "count"),
)
_UNPRICED = Column("unpriced_calls", "Unpriced", "count")
_COST = (
    Column("cost_usd", "Cost", "usd"),
    Column("share", "Share", "share"),
    Column("mean_cost_usd", "Average", "usd"),
    Column("min_cost_usd", "Least", "usd"),
    Column("max_cost_usd", "Most", "usd"),
    _UNPRICED,
    Column("change", "Change", "change"),
)


class Reading:
    """One report being made: a connection, the span of time, and which calls it is about."""

    def __init__(self, connection: Connection, period: Period, only: Filter) -> None:
        self.connection = connection
        self.period = period
        self.only = only

    def totals(self, window: Window) -> Totals:
        """Everything of a window."""
        return queries.totals(self.connection, window, self.only)

    def by(self, group: str, window: Window) -> dict[str, Totals]:
        """The same by a dimension."""
        return queries.by(self.connection, group, window, self.only)


def made(connection: Connection, kind: Kind, period: Period, only: Filter = ALL) -> Report:
    """A report of a kind."""
    reading = Reading(connection, period, only)
    tables = tuple(table for make in _MAKERS[kind] for table in make(reading))
    return Report(kind, _TITLES[kind], period, _about(only), tables)


def _about(only: Filter) -> str:
    chosen = [f"{f.name} {value!r}" for f in fields(only) if (value := getattr(only, f.name)) is not None]
    return ", ".join(chosen) or "all calls"


def _summary(reading: Reading) -> tuple[Table, ...]:
    window = reading.period.window
    now, before = reading.totals(window), reading.totals(reading.period.before)
    ends = facts.extremes(reading.connection, window, reading.only).get("", facts.Extremes())
    figures: tuple[tuple[Column, Cell], ...] = (
        (Column("cost_usd", "Cost", "usd"), now.known),
        (Column("change", "Against the period before", "change"), _change(now.known, before.known)),
        (Column("cost_provider_usd", "of it as the provider said", "usd"), now.cost_provider),
        (Column("cost_local_usd", "of it by our prices", "usd"), now.cost_local),
        (Column("cost_estimated_usd", "of it estimated", "usd"), now.cost_estimated),
        (Column("unpriced_calls", "Calls of which more is owed than is known", "count"), now.unpriced),
        (Column("calls", "Calls", "count"), now.calls),
        (Column("refused", "Refused by budgets", "count"), now.refused),
        (Column("lost_attempts", "Lost attempts", "count"), now.lost),
        (Column("mean_cost_usd", "Average cost of a call", "usd"), ends.mean),
        (Column("min_cost_usd", "Cheapest call", "usd"), ends.least),
        (Column("max_cost_usd", "Dearest call", "usd"), ends.most),
        (Column("input_tokens", "Input tokens", "count"), now.input),
        (Column("cache_read_tokens", "of them from a cache", "count"), now.cache_read),
        (Column("output_tokens", "Output tokens", "count"), now.output),
        (Column("reasoning_tokens", "of them reasoning", "count"), now.reasoning),
    )
    return (_figures("summary", "Summary", figures),)


def _month(reading: Reading) -> tuple[Table, ...]:
    found = facts.month(reading.connection, reading.period.now, reading.period.window, reading.only)
    figures: tuple[tuple[Column, Cell], ...] = (
        (Column("month_so_far_usd", "This month so far", "usd"), found.so_far),
        (Column("month_estimate_usd", "At this rate this month", "usd"), found.estimate),
    )
    note = f"At the rate of the last {found.days:.1f} days; days and months are UTC."
    return (replace(_figures("month", "This month", figures), note=note),)


def _figures(name: str, title: str, figures: tuple[tuple[Column, Cell], ...]) -> Table:
    columns, row = zip(*figures, strict=True)
    return Table(name, title, columns, (row,), key=False)


def _daily(reading: Reading) -> tuple[Table, ...]:
    found = queries.daily(reading.connection, reading.period.window, reading.only)
    columns = (Column("day", "Day", "day"), *_SUMS[:3], Column("cost_usd", "Cost", "usd"), _UNPRICED)
    rows = tuple(
        (day, sums.calls, sums.input, sums.output, sums.known, sums.unpriced) for day, sums in sorted(found.items())
    )
    return (Table("daily", "By day", columns, rows, chart="cost_usd"),)


def _by(group: str, title: str) -> Callable[[Reading], tuple[Table, ...]]:
    def make(reading: Reading) -> tuple[Table, ...]:
        window = reading.period.window
        now, before = reading.by(group, window), reading.by(group, reading.period.before)
        ends = facts.extremes(reading.connection, window, reading.only, group)
        whole = sum(sums.cost for sums in now.values())
        rows = tuple(
            (name or "(none)", *_sums(sums), *_costs(sums, whole, ends.get(name), before.get(name)))
            for name, sums in _dearest(now)
        )
        columns = (Column(group, title), *_SUMS, *_COST)
        return (Table(f"by-{group}", f"By {title.lower()}", columns, rows, chart="cost_usd"),)

    return make


def _sums(sums: Totals) -> tuple[Cell, ...]:
    return (sums.calls, sums.input, sums.output, sums.cache_read)


def _costs(sums: Totals, whole: int, ends: facts.Extremes | None, before: Totals | None) -> tuple[Cell, ...]:
    ends = ends or facts.Extremes()
    return (
        sums.known,
        None if sums.known is None or not whole else sums.cost / whole,
        ends.mean,
        ends.least,
        ends.most,
        sums.unpriced,
        _change(sums.known, before.known if before else None),
    )


def _dearest(found: Mapping[str, Totals]) -> list[tuple[str, Totals]]:
    return sorted(found.items(), key=lambda one: (-one[1].cost, one[0]))


def bill(reading: Reading) -> tuple[Table, ...]:
    """One line per tenant and model: what an invoice is made of."""
    columns = (
        Column("tenant", "Tenant"),
        Column("model", "Model"),
        *_SUMS,
        Column("mean_tokens", "Tokens per call", "number"),
        Column("cost_usd", "Cost", "usd"),
        _UNPRICED,
    )
    window, rows = reading.period.window, []
    for tenant, _ in _dearest(reading.by("tenant", window)):
        one = replace(reading.only, tenant=tenant)
        for model, sums in _dearest(queries.by(reading.connection, "model", window, one)):
            mean = sums.tokens / sums.calls if sums.calls else None
            rows.append((tenant or "(none)", model or "(none)", *_sums(sums), mean, sums.known, sums.unpriced))
    note = "Calls that say no tenant are under (none). A call that is unpriced owes more than its line says."
    return (Table("bill", "Bill by tenant and model", columns, tuple(rows), note=note),)


def _reliability(reading: Reading) -> tuple[Table, ...]:
    window = reading.period.window
    found = queries.operations(reading.connection, window, reading.only, limit=1000)
    how = facts.answers(reading.connection, window, reading.only)
    columns = (
        Column("operation", "Operation"),
        Column("calls", "Calls", "count"),
        Column("error_rate", "Failed", "share"),
        Column("timeouts", "Timeouts", "count"),
        Column("refused", "Refused", "count"),
        Column("mean_ms", "Average", "ms"),
        Column("p50_ms", "p50", "ms"),
        Column("p95_ms", "p95", "ms"),
        Column("p99_ms", "p99", "ms"),
        Column("schema_valid_rate", "Kept its schema", "share"),
        Column("cut_off_rate", "Cut off", "share"),
        Column("estimated", "Usage estimated", "count"),
        Column("suspect", "Usage suspect", "count"),
    )
    rows = []
    for one in found:
        sums, took, was = one.totals, one.latency, how.get(one.name, facts.Answers())
        kept = was.valid / was.with_schema if was.with_schema else None
        cut = was.cut_off / sums.calls if sums.calls else None
        told = (sums.calls, sums.error_rate, sums.timeouts, sums.refused, sums.mean, took.p50, took.p95, took.p99)
        rows.append((one.name, *told, kept, cut, was.estimated, was.suspect))
    return (Table("operations", "How operations went", columns, tuple(rows), chart="error_rate"),)


def _scores(reading: Reading) -> tuple[Table, ...]:
    found = facts.scored(reading.connection, reading.period.window, reading.only)
    columns = (
        Column("name", "Score"),
        Column("count", "Number", "count"),
        Column("mean", "Average", "number"),
        Column("min", "Least", "number"),
        Column("max", "Most", "number"),
    )
    rows = tuple((one.name, one.count, one.mean, one.least, one.most) for one in found)
    note = "" if rows else "No evaluation has scored anything in this time."
    return (Table("scores", "Scores", columns, rows, note=note),)


_STAGES, _OPERATIONS = _by("stage", "Stage"), _by("operation", "Operation")
_MODELS, _TENANTS, _PROVIDERS = _by("model", "Model"), _by("tenant", "Tenant"), _by("provider", "Provider")
_TITLES: Mapping[Kind, str] = {
    "cost": "Cost",
    "quality": "Quality",
    "tenants": "Tenants",
    "models": "Models",
    "all": "Cost, quality, tenants and models",
}
_MAKERS: Mapping[Kind, tuple[Callable[[Reading], tuple[Table, ...]], ...]] = {
    "cost": (_summary, _month, _daily, _STAGES, _OPERATIONS, _MODELS, _TENANTS),
    "quality": (_reliability, _scores),
    "tenants": (bill, _TENANTS),
    "models": (_MODELS, _PROVIDERS),
    "all": (
        _summary,
        _month,
        _daily,
        _STAGES,
        _OPERATIONS,
        _MODELS,
        _PROVIDERS,
        _TENANTS,
        bill,
        _reliability,
        _scores,
    ),
}
KINDS: tuple[Kind, ...] = tuple(_MAKERS)


def _change(now: int | None, before: int | None) -> float | None:
    """None where there was nothing before, or nobody knows what there is."""
    return now / before - 1 if before and now is not None else None
