"""`spanledger top`: what is spent now, by whom, and how the budgets stand."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

from spanledger import config
from spanledger.budget import opening, reading
from spanledger.budget.described import described
from spanledger.budget.listing import rows
from spanledger.budget.model import Unit, shown
from spanledger.cli.opening import engine, told
from spanledger.cli.surface import drawn, surface
from spanledger.live.shown import Line, Shown
from spanledger.money import NANO

if TYPE_CHECKING:
    from spanledger.ledger.questions.results import Totals
    from spanledger.live.now import Now
    from spanledger.live.standing import Bar

#: Seconds between two looks.
EVERY = 2.0
#: Minutes that are added up.
MINUTES = 5


def add(commands: Any) -> None:
    """Declare the command."""
    own = commands.add_parser("top", help="watch what is spent now: stages, models, tenants, runs and budgets")
    own.add_argument("--minutes", type=_minutes, default=MINUTES, metavar="N", help=f"how far back ({MINUTES})")
    own.add_argument("--once", action="store_true", help="look once and end")
    own.add_argument("--format", choices=("table", "json"), default="table", help="json: an object for each look")
    own.set_defaults(do=do)


def _minutes(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 1440:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of minutes from 1 to 1440")
    return int(text)


def do(given: argparse.Namespace) -> int:
    """Look, until somebody interrupts."""
    look = _looking(given.minutes)
    first = look()
    try:
        if given.format == "json":
            _json(look, first, once=given.once)
        elif given.once or not sys.stdout.isatty():
            _lines(look, first, once=given.once)
        else:
            _screen(look, first)
    except KeyboardInterrupt:
        pass
    return 0


def _looking(minutes: int) -> Callable[[], Now]:
    made = engine()
    from spanledger.ledger.database import reading as connected  # noqa: PLC0415  imports much
    from spanledger.live.now import now  # noqa: PLC0415  as above

    settings = config.strict()
    store = opening.leasing(opening.existing_store(settings.store), settings.store)
    configured = reading.read(settings)

    def look() -> Now:
        budgets = configured or described(store)
        with told(), connected(made) as connection:
            return now(connection, time.time(), minutes, budgets, rows(budgets, store))

    return look


def _looks(look: Callable[[], Now], first: Now, *, once: bool = False) -> Iterator[Now]:
    """What is seen, one after another."""
    yield first
    while not once:
        time.sleep(EVERY)
        yield look()


def _lines(look: Callable[[], Now], first: Now, *, once: bool) -> None:
    out = surface(sys.stdout)
    for found in _looks(look, first, once=once):
        out.put(*_frame(found))


def _json(look: Callable[[], Now], first: Now, *, once: bool) -> None:
    for found in _looks(look, first, once=once):
        print(json.dumps(as_json(found), indent=2 if once else None), flush=True)


def _screen(look: Callable[[], Now], first: Now) -> None:
    with _shower() as show:
        for found in _looks(look, first):
            show(_frame(found))


@contextmanager
def _shower() -> Iterator[Callable[[list[Shown]], None]]:
    """Shows one frame in the place of another."""
    if find_spec("rich") is None:
        out = surface(sys.stdout)

        def over(frame: list[Shown]) -> None:
            sys.stdout.write("\x1b[H\x1b[2J")
            out.put(*frame)

        yield over
        return
    from rich.console import Group  # noqa: PLC0415  not everybody has it
    from rich.live import Live  # noqa: PLC0415  as above

    with Live(screen=True, auto_refresh=False, vertical_overflow="crop") as live:
        yield lambda frame: live.update(Group(*map(drawn, frame)), refresh=True)


def _frame(found: Now) -> list[Shown]:
    from spanledger.live.now import frame  # noqa: PLC0415  imports much

    at = datetime.fromtimestamp(found.at, UTC)
    return [Line(f"spanledger top {at:%Y-%m-%d %H:%M:%S}Z", "quiet"), *frame(found), Line("")]


def as_json(found: Now) -> dict[str, Any]:
    """For machines: money in USD rounded to nine places, beside it whole nano-USD."""
    at = datetime.fromtimestamp(found.at, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {
        "timestamp": at,
        "time_window_minutes": found.minutes,
        **_money("cost_per_minute", found.per_minute),
        "totals": _sums(found.totals),
        **{f"by_{group}": [{group: name, **_sums(sums)} for name, sums in top] for group, top in found.top.items()},
        "running": [
            {
                "run": run.id,
                "tenant": run.tenant,
                "seconds": round(max(0.0, found.at - run.started / NANO), 3),
                "calls": run.calls,
                "tokens": run.input + run.output,
                **_money("cost", run.cost),
                "unpriced_calls": run.unpriced,
            }
            for run in found.running
        ],
        "budgets": [_budget(bar) for bar in found.budgets],
    }


def _money(name: str, nano: int) -> dict[str, Any]:
    return {f"{name}_usd": round(nano / NANO, 9), f"{name}_nano_usd": nano}


def _sums(sums: Totals) -> dict[str, Any]:
    counts = {"calls": sums.calls, "failed": sums.errors + sums.timeouts, "refused": sums.refused}
    return {**counts, "tokens": sums.tokens, **_money("cost", sums.cost), "unpriced_calls": sums.unpriced}


def _budget(bar: Bar) -> dict[str, Any]:
    state = {"good": "ok", "warn": "warning", "bad": "spent"}[bar.tone]
    amounts = {"spent": _shown(bar.unit, bar.spent), "limit": _shown(bar.unit, bar.limit)}
    whose = {"name": bar.name, "scope_value": bar.whose, "unit": bar.unit}
    return {**whose, **amounts, "share": round(bar.share, 6), "state": state}


def _shown(unit: Unit, amount: int) -> str | int:
    """As `spanledger budgets` has it: money as a decimal string in USD."""
    return shown(unit, amount) if unit == "USD" else amount
