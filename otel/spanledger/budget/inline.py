"""Budgets on one line: `run=5USD,warn=1USD;tenant/day=10USD,action=pause`, and the three plain `COST_*` names."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import get_args

from spanledger.budget.model import BAGGAGE, DIMENSIONS, Action, Budget, Unit, amount
from spanledger.budget.window import KINDS, Window
from spanledger.config import Settings
from spanledger.errors import ConfigError

_AMOUNT = re.compile(r"(\d+(?:\.\d*)?|\.\d+)\s*(USD|tokens|calls)", re.IGNORECASE)
_UNITS: dict[str, Unit] = {unit.lower(): unit for unit in get_args(Unit)}
_ACTIONS: dict[str, Action] = {action: action for action in get_args(Action) if action != "downgrade"}


def parse(text: str) -> tuple[Budget, ...]:
    """The budgets of a line.

    Raises:
        ConfigError: naming the part that cannot be read and what would be right.
    """
    found = [_part(part.strip()) for part in text.split(";") if part.strip()]
    names = [budget.name for budget in found]
    for name in names:
        if names.count(name) > 1:
            raise ConfigError(f"budget {name} is given twice; keep one")
    return tuple(found)


def _part(text: str) -> Budget:
    try:
        return _budget(text)
    except ConfigError as error:
        raise ConfigError(f"in {text!r}: {error}") from None


def _budget(text: str) -> Budget:
    head, *rest = (piece.strip() for piece in text.split(","))
    place, equals, limit_text = head.partition("=")
    if not equals:
        raise ConfigError("this is no budget; write scope[/window]=LIMIT such as run=5USD or tenant/day=10USD")
    scope, window = _place(place.strip())
    unit, most = limit(limit_text)
    warns, action = _options(rest, unit)
    return Budget(
        name=f"{scope}/{window.kind}",
        window=window,
        limit=most,
        unit=unit,
        scope=() if scope == "global" else (scope,),
        warns=warns,
        action=action,
    )


def _place(text: str) -> tuple[str, Window]:
    scope, _, window = text.partition("/")
    if scope != "global" and scope not in DIMENSIONS and not scope.startswith(BAGGAGE):
        raise ConfigError(f"{scope!r} is no scope of a budget; take one of global, {', '.join(DIMENSIONS)}")
    window = window or ("run" if scope == "run" else "total")
    for kind in KINDS:
        if kind == window:
            return scope, Window(kind)  # type: ignore[arg-type]  # one of KINDS
    raise ConfigError(f"{window!r} is no window of a budget; take one of {', '.join(KINDS)}")


def limit(text: str) -> tuple[Unit, int]:
    """Unit and whole number of an amount such as `5USD`, `200000tokens` or `50calls`.

    Raises:
        ConfigError: saying how an amount is written.
    """
    found = _AMOUNT.fullmatch(text.strip())
    if found is None:
        raise ConfigError(f"{text.strip()!r} is no amount; write it such as 5USD, 0.25USD, 200000tokens or 50calls")
    unit = _UNITS[found.group(2).lower()]
    value = Decimal(found.group(1))
    if unit != "USD" and value != value.to_integral_value():
        raise ConfigError(f"{text.strip()!r} is no whole number of {unit}")
    return unit, amount(unit, value)


def _options(pieces: list[str], unit: Unit) -> tuple[tuple[int, ...], Action]:
    warns: list[int] = []
    action: Action = "halt"
    for piece in pieces:
        key, _, value = piece.partition("=")
        if key == "warn":
            warn_unit, at = limit(value)
            if warn_unit != unit:
                raise ConfigError(f"{piece!r} warns in {warn_unit}, the budget counts {unit}; use one unit")
            warns.append(at)
        elif key == "action" and value in _ACTIONS:
            action = _ACTIONS[value]
        else:
            raise ConfigError(f"{piece!r} is no option of a budget; take warn=AMOUNT or action=halt|pause|warn")
    return tuple(sorted(set(warns))), action


def plain(settings: Settings) -> tuple[Budget, ...]:
    """The run budget of `COST_BUDGET_MAX` and `COST_BUDGET_WARNING_THRESHOLD`, if either is set."""
    most, warn = settings.run_limit, settings.run_warning
    if most is None and warn is None:
        return ()
    return (
        Budget(
            name="run/run",
            window=Window("run"),
            limit=None if most is None else amount("USD", most),
            scope=("run",),
            warns=() if warn is None else (amount("USD", warn),),
        ),
    )
