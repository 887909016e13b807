"""From the ledger to the tables of a report."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import fields, replace
from typing import Literal

from sqlalchemy import Connection

from spanledger.ledger.questions import queries
from spanledger.ledger.questions.filters import ALL, Filter
from spanledger.ledger.questions.results import Totals
from spanledger.report import facts
from spanledger.report.model import Cell, Column, Period, Report, Table
from spanledger.report.quality import reliability, scored
from spanledger.report.reading import UNREAD, USERS, Reading, change, dearest, mean

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
)
_ENDS = (Column("min_cost_usd", "Least", "usd"), Column("max_cost_usd", "Most", "usd"))
_TREND = (_UNPRICED, Column("change", "Change", "change"))
_LEFT_OUT = UNREAD.format(what="Least and most are left out")


def made(connection: Connection, kind: Kind, period: Period, only: Filter = ALL, users: int = USERS) -> Report:
    """A report of a kind, with so many users; the others are summed."""
    reading = Reading(connection, period, only, users)
    tables = tuple(table for make in _MAKERS[kind] for table in make(reading))
    return Report(kind, _TITLES[kind], period, _about(only), tables)


def _about(only: Filter) -> str:
    chosen = [f"{f.name} {value!r}" for f in fields(only) if (value := getattr(only, f.name)) is not None]
    return ", ".join(chosen) or "all calls"


def _summary(reading: Reading) -> tuple[Table, ...]:
    now, singles = reading.now, reading.singles
    ends = facts.Extremes() if singles is None else singles.all_ends
    figures: tuple[tuple[Column, Cell], ...] = (
        (Column("cost_usd", "Cost", "usd"), now.known),
        (Column("cost_provider_usd", "of it as the provider said", "usd"), now.cost_provider),
        (Column("cost_local_usd", "of it by our prices", "usd"), now.cost_local),
        (Column("cost_estimated_usd", "of it estimated", "usd"), now.cost_estimated),
        (Column("change", "Against the period before", "change"), change(now, reading.before)),
        (Column("unpriced_calls", "Unpriced calls: more is owed than the sums say", "count"), now.unpriced),
        (Column("calls", "Calls", "count"), now.calls),
        (Column("refused", "Refused by budgets", "count"), now.refused),
        (Column("lost_attempts", "Lost attempts", "count"), now.lost),
        (Column("mean_cost_usd", "Average cost of a call", "usd"), mean(now)),
        (Column("min_cost_usd", "Cheapest call", "usd"), ends.least),
        (Column("max_cost_usd", "Dearest call", "usd"), ends.most),
        (Column("input_tokens", "Input tokens", "count"), now.input),
        (Column("cache_read_tokens", "of them from a cache", "count"), now.cache_read),
        (Column("output_tokens", "Output tokens", "count"), now.output),
        (Column("reasoning_tokens", "of them reasoning", "count"), now.reasoning),
    )
    note = _LEFT_OUT if singles is None else "The average is of calls and lost attempts whose price is known."
    return (replace(_figures("summary", "Summary", figures), note=note),)


def _month(reading: Reading) -> tuple[Table, ...]:
    found = facts.month(reading.connection, reading.period.now, reading.period.window, reading.only)
    figures: tuple[tuple[Column, Cell], ...] = (
        (Column("month_so_far_usd", "This month so far", "usd"), found.so_far),
        (Column("month_estimate_usd", "At this rate this month", "usd"), found.estimate),
    )
    note = f"At the rate of the last {_days(found.days)}; days and months are UTC."
    return (replace(_figures("month", "This month", figures), note=note),)


def _days(number: float) -> str:
    told = f"{number:.1f}".removesuffix(".0")
    return "day" if told == "1" else f"{told} days"


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
        now, before = reading.by(group, reading.period.window), reading.by(group, reading.period.before)
        whole = sum(sums.cost for sums in now.values())
        singles = reading.singles or facts.Singles()
        rows = tuple(_row(name, sums, whole, before.get(name), singles.of(group, name)) for name, sums in dearest(now))
        columns = (Column(group, title), *_SUMS, *_COST, *_ENDS, *_TREND)
        note = "" if reading.singles else _LEFT_OUT
        return (Table(f"by-{group}", f"By {title.lower()}", columns, rows, chart="cost_usd", note=note),)

    return make


def _users(reading: Reading) -> tuple[Table, ...]:
    """Those who cost most, and all others together.

    No sums of users are kept: the calls of the period are read, and those of the period before of whom is listed.
    """
    if not reading.users:
        return ()
    table = Table("by-user", "By user", (Column("user", "User"), *_SUMS, *_COST, *_TREND), (), chart="cost_usd")
    if facts.rows_of(reading.now) > facts.ROWS or facts.rows_of(reading.before) > facts.ROWS:
        return (replace(table, note=UNREAD.format(what="Users are left out")),)
    found = dearest(reading.by("user", reading.period.window))
    whole = sum(sums.cost for _, sums in found)
    rows = [_row(name, sums, whole, _of_user(reading, name)) for name, sums in found[: reading.users]]
    if not (others := found[reading.users :]):
        return (replace(table, rows=tuple(rows)),)
    rows.append(_row("(others)", sum((sums for _, sums in others), Totals()), whole, None))
    note = f"(others) are {len(others):,} users together; --users N lists more of them."
    return (replace(table, rows=tuple(rows), note=note),)


def _of_user(reading: Reading, name: str) -> Totals:
    """In the period before; found by an index."""
    return queries.totals(reading.connection, reading.period.before, replace(reading.only, user=name))


def _row(
    name: str, sums: Totals, whole: int, before: Totals | None, ends: facts.Extremes | None = None
) -> tuple[Cell, ...]:
    share = None if sums.known is None or not whole else sums.cost / whole
    cost = (sums.known, share, mean(sums), *((ends.least, ends.most) if ends else ()))
    return (name or "(none)", *_sums(sums), *cost, sums.unpriced, change(sums, before))


def _sums(sums: Totals) -> tuple[Cell, ...]:
    return (sums.calls, sums.input, sums.output, sums.cache_read)


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
    rows = []
    for tenant, model, sums in _lines(reading):
        each = sums.tokens / sums.calls if sums.calls else None
        rows.append((tenant or "(none)", model or "(none)", *_sums(sums), each, sums.known, sums.unpriced))
    note = (
        "Calls that say no tenant are under (none). A call that is unpriced owes more than its line says. "
        "Tokens per call take a call that told no usage for 0 tokens."
    )
    return (Table("bill", "Bill by tenant and model", columns, tuple(rows), note=note),)


def _lines(reading: Reading) -> Iterator[tuple[str, str, Totals]]:
    """Tenant, model and sums, the dearest tenants first, of each the dearest models.

    One question for each model: there are fewer of these than tenants.
    """
    window, found = reading.period.window, defaultdict[str, dict[str, Totals]](dict)
    for model in reading.by("model", window):
        one = replace(reading.only, model=model)
        for tenant, sums in queries.by(reading.connection, "tenant", window, one).items():
            found[tenant][model] = sums
    for tenant, _ in dearest(reading.by("tenant", window)):
        yield from ((tenant, model, sums) for model, sums in dearest(found[tenant]))


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
    "cost": (_summary, _month, _daily, _STAGES, _OPERATIONS, _MODELS, _TENANTS, _users),
    "quality": (reliability, scored),
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
        _users,
        bill,
        reliability,
        scored,
    ),
}
KINDS: tuple[Kind, ...] = tuple(_MAKERS)
