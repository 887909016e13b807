"""`spanledger budgets`: what stands in the books, and what an operator may do about it."""

from __future__ import annotations

import argparse
import getpass
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from spanledger import config
from spanledger.budget import inline, opening, reading
from spanledger.budget.described import described
from spanledger.budget.listing import Row, exact, rows
from spanledger.budget.model import Budget, Unit, shown, told
from spanledger.budget.store import Entry, Store, StoreError
from spanledger.cli.table import table
from spanledger.errors import ConfigError

_FORMATS = ("table", "json")


def add(commands: Any) -> None:
    """Declare the command and what it can do."""
    own = commands.add_parser("budgets", help="show what was spent, and raise, reset or correct budgets")
    own.add_argument("--format", choices=_FORMATS, default="table")
    own.set_defaults(do=_list)
    actions = own.add_subparsers(dest="action", metavar="ACTION")
    show = actions.add_parser("show", help="one budget with its holds and its history")
    show.add_argument("name", help="name of a budget, or a scope value such as a run id")
    show.add_argument("--format", choices=_FORMATS, default="table")
    show.set_defaults(do=_show)
    holds = actions.add_parser("holds", help="what calls under way may still spend")
    holds.add_argument("--format", choices=_FORMATS, default="table")
    holds.set_defaults(do=_holds)
    check = actions.add_parser("check", help="read a file of budgets and say what it means")
    check.add_argument("file")
    check.set_defaults(do=_check)
    _changes(actions)


def _changes(actions: Any) -> None:
    grant = actions.add_parser("raise", help="let a run, a tenant … spend up to a new limit, and end a halt")
    grant.add_argument("name", help="name of a budget, or a scope value such as a run id")
    grant.add_argument("--to", required=True, metavar="AMOUNT", help="the new limit: 8, 8USD, 9000tokens")
    grant.set_defaults(do=_raise)
    reset = actions.add_parser(
        "reset", help="let the configured limit hold again, and end a halt; what was spent stays spent"
    )
    reset.add_argument("name")
    reset.set_defaults(do=_reset)
    adjust = actions.add_parser("adjust", help="correct what was spent")
    adjust.add_argument("name")
    adjust.add_argument("--by", required=True, metavar="AMOUNT", help="-0.25, 1USD: added to what was spent")
    adjust.set_defaults(do=_adjust)
    for command in (grant, reset, adjust):
        command.add_argument("--scope-value", help="whose, where a budget has several")
        command.add_argument("--reason", default="", required=command is adjust, help="kept in the audit")


def _opened() -> tuple[tuple[Budget, ...], Store]:
    settings = config.strict()
    budgets = reading.read(settings)
    store = opening.leasing(opening.existing_store(settings.store), settings.store)
    try:
        return budgets or described(store), store
    except StoreError as error:
        raise ConfigError(f"the store cannot be read: {error}; see SPANLEDGER_STORE") from error


def _rows(budgets: Sequence[Budget], store: Store) -> list[Row]:
    try:
        return rows(budgets, store)
    except StoreError as error:
        raise ConfigError(f"the store cannot be read: {error}") from error


def _list(given: argparse.Namespace) -> int:
    budgets, store = _opened()
    _print(_rows(budgets, store), given.format)
    return 0


def _print(found: Sequence[Row], format_: str) -> None:
    if format_ == "json":
        print(json.dumps([row.as_json() for row in found], indent=2))
        return
    heads = ("budget", "whose", "window", "limit", "spent", "held", "remaining", "at the end", "refused")
    print(table(heads, [_cells(row) for row in found], right=5) if found else "no budgets; see SPANLEDGER_BUDGETS")


def _cells(row: Row) -> tuple[str, ...]:
    amounts = (row.limit, row.spent, row.held, row.remaining, row.projected)
    told = (_amount(row.unit, value) for value in amounts)
    window = f"{row.window} (halted)" if row.halted else row.window
    return (row.name, row.scope_value, window, *told, str(row.refused))


def _amount(unit: Unit, value: int | None) -> str:
    return "-" if value is None else told(unit, value)


def _matching(name: str, found: Sequence[Row]) -> list[Row]:
    """The rows of a budget of that name, or else those of a scope value or run."""
    hits = [row for row in found if row.name == name] or [row for row in found if name in (row.scope_value, row.window)]
    if not hits:
        known = ", ".join(sorted({row.name for row in found})) or "none"
        raise ConfigError(f"{name!r} is neither a budget nor a scope value with entries; budgets: {known}")
    return hits


def _one(given: argparse.Namespace) -> tuple[Store, Row]:
    budgets, store = _opened()
    hits = _matching(given.name, _rows(budgets, store))
    if given.scope_value is not None:
        hits = [row for row in hits if row.scope_value == given.scope_value]
    if len(hits) != 1:
        choice = ", ".join(sorted(f"{row.name} --scope-value {row.scope_value!r}" for row in hits)) or "none"
        raise ConfigError(f"{given.name!r} is not one counter; choose one of: {choice}")
    return store, hits[0]


def _show(given: argparse.Namespace) -> int:
    budgets, store = _opened()
    found = _matching(given.name, _rows(budgets, store))
    mine = {counter for row in found for counter in row.counters}
    history = [entry for entry in store.audit() if entry.counter in mine]
    if given.format == "json":
        told = [_change(entry) for entry in history]
        print(json.dumps({"budgets": [row.as_json() for row in found], "history": told}, indent=2))
        return 0
    _print(found, "table")
    for entry in history:
        value = "" if entry.amount is None else f" {_amount(entry.counter.unit, entry.amount)}"
        print(f"{_time(entry.at)}  {entry.action}{value}  {entry.who}  {entry.reason}".rstrip())
    return 0


def _change(entry: Entry) -> dict[str, object]:
    amount = exact(entry.counter.unit, entry.amount)
    return {"at": _time(entry.at), "action": entry.action, "amount": amount, "reason": entry.reason, "who": entry.who}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def _holds(given: argparse.Namespace) -> int:
    _, store = _opened()
    told = [
        {
            "id": hold.id,
            "budget": counter.budget,
            "scope_value": counter.value,
            "window": counter.window,
            "amount": shown(counter.unit, held),
            "state": hold.state,
            "expires": _time(hold.expires),
            "owner": hold.owner,
        }
        for hold in store.holds()
        for counter, held in zip(hold.counters, hold.amounts, strict=True)
    ]
    if given.format == "json":
        print(json.dumps(told, indent=2))
    elif told:
        print(table(tuple(told[0]), [tuple(one.values()) for one in told]))
    else:
        print("no holds")
    return 0


def _check(given: argparse.Namespace) -> int:
    from spanledger.budget import file  # noqa: PLC0415 - pydantic and YAML, only here

    for budget in file.load(given.file):
        whose = f"each {', '.join(budget.scope)}" if budget.scope else "everything together"
        limit = "no limit" if budget.limit is None else _amount(budget.unit, budget.limit)
        print(f"{budget.name}: {whose}, {budget.window.kind}, {limit}, {budget.action}")
    return 0


def _signed(text: str, unit: Unit) -> int:
    """An amount with or without its unit; it may be negative."""
    sign = -1 if text.startswith("-") else 1
    bare = text.removeprefix("+").removeprefix("-")
    found, value = inline.limit(bare if bare[-1:].isalpha() else f"{bare}{unit}")
    if found != unit:
        raise ConfigError(f"{text!r} is in {found}, the budget counts {unit}")
    return sign * value


def _raise(given: argparse.Namespace) -> int:
    store, row = _one(given)
    limit = _signed(given.to, row.unit)
    if limit < 0:
        raise ConfigError(f"--to {given.to}: a limit cannot be below 0")
    store.raise_limit(row.counters[0], limit, reason=given.reason, who=_who())
    return _done(store, row)


def _reset(given: argparse.Namespace) -> int:
    store, row = _one(given)
    for counter in row.raised or row.counters[:1]:
        store.reset(counter, reason=given.reason, who=_who())
    return _done(store, row)


def _adjust(given: argparse.Namespace) -> int:
    store, row = _one(given)
    store.adjust(row.counters[0], _signed(given.by, row.unit), reason=given.reason, who=_who())
    return _done(store, row)


def _who() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # a user without a name
        return "unknown"


def _done(store: Store, row: Row) -> int:
    budgets, _ = _opened()
    _print([one for one in rows(budgets, store) if not set(one.counters).isdisjoint(row.counters)], "table")
    return 0
