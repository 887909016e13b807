"""What the ledger should answer, worked out from the entries by plain Python: every call is looked at, one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import UTC, datetime

from spanledger.ledger import Entry
from spanledger.ledger.questions.filters import Filter, Window
from spanledger.ledger.questions.results import Totals

NANO = 1_000_000_000


def value(entry: Entry, name: str) -> str:
    """What an entry is grouped and filtered by."""
    if name == "model":
        return entry.request_model or entry.response_model or ""
    if name == "day":
        return f"{datetime.fromtimestamp(entry.started // NANO, UTC):%Y-%m-%d}"
    return getattr(entry, name) or ""


def matching(entries: Iterable[Entry], window: Window, only: Filter) -> list[Entry]:
    wanted = {name: getattr(only, name) for name in Filter.__slots__ if getattr(only, name) is not None}
    return [
        entry
        for entry in entries
        if window.since * NANO <= entry.started < window.until * NANO
        and all(value(entry, name) == one for name, one in wanted.items())
    ]


def totals(entries: Iterable[Entry]) -> Totals:
    found = dict.fromkeys(Totals.__slots__, 0)
    for entry in entries:
        if entry.kind == "attempt":
            found["lost"] += 1
        elif entry.status == "refused":
            found["refused"] += 1
        else:
            found["calls"] += 1
            found["errors"] += entry.status == "error"
            found["timeouts"] += entry.status == "timeout"
            found["duration"] += entry.ended - entry.started
        if entry.cost is not None:
            found["cost"] += entry.cost
            found["cost_provider"] += entry.cost if entry.cost_source == "provider" else 0
            found["cost_estimated"] += entry.cost if entry.estimated else 0
        found["priced"] += entry.price_status == "priced"
        found["unpriced"] += entry.price_status == "unpriced"
        if entry.usage is not None:
            for name in ("input", "output", "cache_read", "cache_write", "reasoning"):
                found[name] += getattr(entry.usage, name)
    return Totals(**found)


def grouped(entries: Iterable[Entry], key: Callable[[Entry], str]) -> dict[str, Totals]:
    groups: dict[str, list[Entry]] = {}
    for entry in entries:
        groups.setdefault(key(entry), []).append(entry)
    return {name: totals(found) for name, found in groups.items()}


def latencies(entries: Iterable[Entry]) -> list[int]:
    return sorted(e.ended - e.started for e in entries if e.kind == "call" and e.status != "refused")


def near(found: float | None, sorted_: list[int], share: float) -> bool:
    """Whether it is the quantile, within one percent and what is too short to be measured."""
    if not sorted_:
        return found is None
    true = sorted_[int(share * (len(sorted_) - 1))]
    return found is not None and abs(found - true) <= 0.0101 * true + 1000


def runs(entries: list[Entry], window: Window, only: Filter) -> list[tuple[str, list[Entry]]]:
    """The runs that began in a window and have such calls, the latest first, with those calls."""
    began: dict[str, int] = {}
    for entry in entries:
        if entry.run:
            began[entry.run] = min(entry.started, began.get(entry.run, entry.started))
    inside = [(at, id_) for id_, at in began.items() if window.since * NANO <= at < window.until * NANO]
    of_run: dict[str, list[Entry]] = {}
    for entry in matching(entries, Window(0, 2**33), only):
        of_run.setdefault(entry.run or "", []).append(entry)
    return [(id_, of_run[id_]) for _, id_ in sorted(inside)[::-1] if id_ in of_run]
