"""Whether what a file says is what a column takes: people correct files by hand, and SQLite takes anything."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isfinite
from typing import Any, get_args

from sqlalchemy import JSON, BigInteger, Boolean, Column, Float, Integer, Table

from spanledger.ledger.entry import Charge, Kind, PriceStatus, Status
from spanledger.ledger.schema import TOKENS, charges

#: Characters of a wrong value that are repeated.
_SHOWN = 40
#: Tokens and nano-USD of which sums are kept, and the most that a row can have: hundreds of such rows still have a sum.
_AMOUNTS = frozenset({*TOKENS, "cost", "reported_nano_usd", "amount"})
_MOST = 10**16
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}


class UnfitError(ValueError):
    """What a row of a file says cannot be: which column, and what would be right."""


@dataclass(frozen=True, slots=True)
class _Kind:
    """What a column takes, in words; how a cell of text becomes it; and whether a value is it."""

    words: str
    read: Callable[[Any], Any]
    fits: Callable[[Any], bool]


class Columns:
    """The columns of a table as files have them."""

    def __init__(self, table: Table) -> None:
        self.names = tuple(table.c.keys())
        self._kinds = {column.name: _kind(column) for column in table.c}
        self._absent = {column.name: _absent(column) for column in table.c}
        self._optional = {column.name for column in table.c if column.nullable}
        #: Those that a file must have.
        self.needed = frozenset(c.name for c in table.c if not c.nullable and c.server_default is None)

    def read(self, cells: Mapping[str, Any]) -> dict[str, Any]:
        """The row of cells, which may be text. Raises UnfitError."""
        row = {}
        for name, kind in self._kinds.items():
            cell = cells.get(name)
            row[name] = self._absent[name] if cell is None else kind.read(cell)
        self.check(row)
        return row

    def check(self, row: Mapping[str, Any]) -> None:
        """Whether the database takes this row, and means by it what it says. Raises UnfitError."""
        for name, kind in self._kinds.items():
            value = row[name]
            if value is None:
                if name not in self._optional:
                    raise UnfitError(f"{name} is missing; it must be {kind.words}")
            elif not kind.fits(value):
                raise UnfitError(f"{name} must be {kind.words}, not {shown(value)}")
            elif name == "id" and not value:
                raise UnfitError(f"{name} is empty; it must be what no other row has")


def shown(value: object) -> str:
    """A wrong value, shortened."""
    text = repr(value)
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def charged(said: object) -> tuple[Charge, ...]:
    """What budgets were charged, out of JSON. Raises UnfitError."""
    try:
        found = tuple(Charge(*one) for one in said)  # type: ignore[attr-defined]  # what it has not is the error below
        for one in found:
            _CHARGES.check({"call": "-", **one._asdict()})
    except TypeError:
        words = ", ".join(Charge._fields)
        raise UnfitError(f"charges must be lists of {words}, not {shown(said)}") from None
    except UnfitError as error:
        raise UnfitError(f"charges: {error}") from None
    return found


def _absent(column: Column[Any]) -> Any:
    """What a cell means that says nothing."""
    if column.nullable:
        return None
    if column.server_default is not None:
        return 0
    return None if isinstance(column.type, (Integer, Boolean, Float)) or column.name in _CHOICES else ""


def _kind(column: Column[Any]) -> _Kind:
    if column.name in _CHOICES and column.table.name == "calls":
        choices = _CHOICES[column.name]
        return _Kind(f"one of {', '.join(choices)}", str, choices.__contains__)
    if isinstance(column.type, JSON):
        return _JSON[column.name]
    if isinstance(column.type, BigInteger):
        return _AMOUNT if column.name in _AMOUNTS else _WHOLE
    return next((kind for type_, kind in _KINDS.items() if isinstance(column.type, type_)), _TEXT)


def _number(make: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def read(cell: Any) -> Any:
        try:
            return make(cell) if isinstance(cell, str) else cell
        except ValueError:
            return cell

    return read


def _whole(bits: int) -> _Kind:
    most = 2 ** (bits - 1)
    return _Kind(
        f"a whole number of {bits} bits", _number(int), lambda value: type(value) is int and -most <= value < most
    )


def _of_items(value: object, kind: type) -> bool:
    return isinstance(value, dict) and all(isinstance(k, str) and type(v) is kind for k, v in value.items())


_CHOICES: dict[str, tuple[str, ...]] = {
    "kind": get_args(Kind),
    "status": get_args(Status),
    "price_status": get_args(PriceStatus),
}
_WHOLE = _whole(64)
_AMOUNT = _Kind(
    f"a whole number from 0 to {_MOST}", _number(int), lambda value: type(value) is int and 0 <= value <= _MOST
)
_TEXT = _Kind("text", str, lambda value: isinstance(value, str))
_KINDS: dict[type, _Kind] = {
    Boolean: _Kind(
        "true or false", lambda cell: _BOOLEANS.get(str(cell).lower(), cell), lambda value: isinstance(value, bool)
    ),
    Float: _Kind("a number", _number(float), lambda value: type(value) in (int, float) and isfinite(value)),
    Integer: _whole(32),
}
_JSON = {
    "units": _Kind("a JSON object of whole numbers", _number(json.loads), lambda value: _of_items(value, int)),
    "flags": _Kind("a JSON object of texts", _number(json.loads), lambda value: _of_items(value, str)),
    "missing": _Kind(
        "a JSON list of texts",
        _number(json.loads),
        lambda value: isinstance(value, list) and all(isinstance(one, str) for one in value),
    ),
}
_CHARGES = Columns(charges)
