"""How fast calls were, and how often they failed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from spanledger.ledger.questions.results import Percentiles, Totals
from spanledger.service.answers.metrics import GroupSpeed, OperationSpeed, Performance, Speed
from spanledger.service.figures import ms, percent
from spanledger.service.metrics.reading import Reading

#: Operations and groups that are listed: those that cost most.
TOP, LISTED = 10, 100


def performance(reading: Reading) -> Performance:
    """The section."""
    took, group = reading.took("operation"), reading.asked.group
    return Performance(
        all_operations=Speed(**speed(reading.sums, reading.took(None).get("", Percentiles()))),
        top_operations=[
            OperationSpeed(operation=name, **speed(sums, took.get(name, Percentiles())))
            for name, sums in dearest(reading.by("operation"), TOP)
        ],
        groups=None if group is None else _groups(reading, group),
        left_out=left_out({} if group is None else {"groups": reading.by(group)}),
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


def dearest(groups: Mapping[str, Totals], limit: int = LISTED) -> list[tuple[str, Totals]]:
    """The groups that cost most; of those that cost the same, the first by name."""
    return sorted(groups.items(), key=lambda one: (-one[1].cost, one[0]))[:limit]


def left_out(lists: Mapping[str, Mapping[str, Totals]]) -> dict[str, int]:
    """How many groups the lists of the dearest leave out, by the name of the list, where they leave out any."""
    return {name: len(groups) - LISTED for name, groups in lists.items() if len(groups) > LISTED}


def _groups(reading: Reading, group: str) -> list[GroupSpeed]:
    took = reading.took(group)
    return [GroupSpeed(key=key, **speed(one, took.get(key, Percentiles()))) for key, one in dearest(reading.by(group))]
