"""How fast calls were, and how often they failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypeVar

from sqlalchemy import Connection

from spanledger.ledger import queries
from spanledger.ledger.filters import Window
from spanledger.ledger.results import Percentiles, Spend, Totals
from spanledger.service.answers.metrics import GroupSpeed, OperationSpeed, Performance, Speed
from spanledger.service.asked import Asked
from spanledger.service.figures import ms, percent
from spanledger.service.metrics.reading import Reading
from spanledger.service.problems import Problem

_T = TypeVar("_T", bound=Totals | Spend)
#: Operations and groups that are listed: those that cost most.
TOP, LISTED = 10, 100
#: Days of which percentiles are told one by one.
DAYS = 31


def performance(reading: Reading) -> Performance:
    """The section."""
    took, group = reading.took, reading.asked.group
    return Performance(
        all_operations=Speed(**speed(reading.sums, took.together)),
        top_operations=[
            OperationSpeed(operation=name, **speed(sums, took.by.get(name, Percentiles())))
            for name, sums in dearest(reading.by("operation"), TOP)
        ],
        groups=None if group is None else _groups(reading, group),
    )


def speed(sums: Totals, took: Percentiles) -> dict[str, Any]:
    """The fields of `Speed`."""
    return {
        "count": sums.calls,
        "avg_ms": ms(sums.mean),
        **{f"{name}_ms": ms(value) for name, value in asdict(took).items()},
        "error_rate_percent": percent(sums.error_rate),
        "errors": sums.errors,
        "timeouts": sums.timeouts,
        "refused": sums.refused,
        "lost_attempts": sums.lost,
    }


def dearest(groups: Mapping[str, _T], limit: int = LISTED) -> list[tuple[str, _T]]:
    """The groups that cost most; of those that cost the same, the first by name."""
    return sorted(groups.items(), key=lambda one: (-one[1].cost, one[0]))[:limit]


def _groups(reading: Reading, group: str) -> list[GroupSpeed]:
    connection, asked = reading.connection, reading.asked
    if group == "day":
        took = _by_day(connection, asked)
    elif group == "operation":
        took = reading.took.by
    else:
        took = queries.percentiles_by(connection, group, asked.window, asked.only)
    return [GroupSpeed(key=key, **speed(one, took.get(key, Percentiles()))) for key, one in dearest(reading.by(group))]


def _by_day(connection: Connection, asked: Asked) -> dict[str, Percentiles]:
    since, until = asked.window.since, asked.window.until
    days = range(since - since % queries.DAY, until, queries.DAY)
    if len(days) > DAYS:
        raise Problem(422, f"Percentiles by day are told of {DAYS} days at most; ask for a shorter window.")
    return {
        str(day): queries.percentiles(connection, Window(max(since, day), min(until, day + queries.DAY)), asked.only)
        for day in days
    }
