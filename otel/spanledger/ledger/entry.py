"""Rows of the ledger, as they travel: built once, written to the outbox as one line, read by whoever drains.

A line is a JSON object that leaves out what is unknown, so that a process of another version can read it.
"""

from __future__ import annotations

import json
from operator import attrgetter
from typing import Any, Literal, NamedTuple

from spanledger.usage import NO_UNITS, Units, Usage

Kind = Literal["call", "attempt"]
Status = Literal["success", "error", "timeout", "refused", "lost"]
PriceStatus = Literal["priced", "unpriced", "none"]

_COUNTS = tuple(name for name in Usage.__slots__ if name != "units")
_counts = attrgetter(*_COUNTS)
_UNITS = Units.__slots__
_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class Charge(NamedTuple):
    """What a counter of a budget was charged for the row, in the unit of the budget."""

    budget: str
    scope_value: str
    window: str
    unit: str
    amount: int


class Maker(NamedTuple):
    """Which process makes the rows: its service, and the environment it is deployed in."""

    service: str = ""
    environment: str = ""


NOBODY = Maker()
_MAKER = Maker._fields


class Entry(NamedTuple):
    """A metered call, or an attempt of one that brought no answer and was perhaps billed (`kind`).

    `id` is the call's id, of an attempt that id with its number, of a span of somebody else's trace id and span id: the
    same thing told twice has the same id. Times are nanoseconds since the epoch. `cost` is nano-USD, None if nobody
    knows; `missing` names what it leaves out. `price_status` is `none` where nothing was used that has a price.
    `hold` is the hold of a budget that the row settled, `charges` what that came to. `cache` says whether a cache of
    the app's answered (`hit`) or was asked in vain (`miss`). `flags` are the variants of feature flags.
    """

    id: str
    started: int
    ended: int
    operation: str
    provider: str
    kind: Kind = "call"
    status: Status = "success"
    first_chunk: int | None = None
    trace_id: str | None = None
    span_id: str | None = None
    run: str | None = None
    request: str | None = None
    session: str | None = None
    conversation: str | None = None
    service: str | None = None
    environment: str | None = None
    stage: str | None = None
    agent: str | None = None
    node: str | None = None
    workflow: str | None = None
    request_model: str | None = None
    response_model: str | None = None
    tier: str | None = None
    tenant: str | None = None
    user: str | None = None
    usage: Usage | None = None
    cost: int | None = None
    cost_source: str | None = None
    price_version: str | None = None
    price_status: PriceStatus = "none"
    missing: tuple[str, ...] = ()
    estimated: bool = False
    suspect: bool = False
    hold: str | None = None
    charges: tuple[Charge, ...] = ()
    error_type: str | None = None
    attempts: int = 1
    finish_reason: str | None = None
    stream: bool = False
    cache: str | None = None
    prompt_name: str | None = None
    prompt_version: str | None = None
    prompt_hash: str | None = None
    flags: dict[str, str] | None = None
    schema_valid: bool | None = None
    remaining_requests: int | None = None
    remaining_tokens: int | None = None

    def line(self, maker: Maker = NOBODY) -> bytes:
        """As a line of the outbox; `maker` is whose it is where it does not say so itself."""
        said: dict[str, Any] = {
            name: value for name, value, default in zip(_FIELDS, self, _DEFAULTS, strict=True) if value is not default
        }
        if self.service is None and maker is not NOBODY:
            said |= {name: value for name, value in zip(_MAKER, maker, strict=True) if value}
        if self.usage is not None:
            said["usage"] = counts(self.usage)
        return _encode(said).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Entry:
        """The entry of a line; what a later version added is left out. Raises ValueError, TypeError or LookupError."""
        said: dict[str, Any] = {name: value for name, value in json.loads(line).items() if name in _KNOWN}
        if "usage" in said:
            said["usage"] = usage_of(said["usage"])
        if "missing" in said:
            said["missing"] = tuple(said["missing"])
        if "charges" in said:
            said["charges"] = tuple(Charge(*charge) for charge in said["charges"])
        return cls(**said)


class CacheEvent(NamedTuple):
    """A cache of the app's that was asked: `layer` is its name, `hit` whether it answered.

    The same event told twice has the same id. `at` is nanoseconds since the epoch, `saved` the nano-USD that the answer
    saved, None where nobody said.
    """

    id: str
    at: int
    layer: str
    hit: bool
    run: str | None = None
    operation: str | None = None
    stage: str | None = None
    tenant: str | None = None
    saved: int | None = None

    def line(self, _maker: Maker = NOBODY) -> bytes:
        """As a line of the outbox."""
        said = {name: value for name, value in zip(self._fields, self, strict=True) if value is not None}
        return _EVENT + _encode(said).encode() + b"}\n"

    @classmethod
    def read(cls, line: bytes) -> CacheEvent:
        """The event of a line; what a later version added is left out. Raises ValueError, TypeError or LookupError."""
        said = json.loads(line)["cache_event"]
        return cls(**{name: value for name, value in said.items() if name in cls._fields})


#: What travels.
Line = Entry | CacheEvent
#: How the line of an event begins; that of an entry begins with its id.
_EVENT = b'{"cache_event":'


def read(line: bytes) -> Line:
    """What a line says. Raises ValueError, TypeError or LookupError."""
    return CacheEvent.read(line) if line.startswith(_EVENT) else Entry.read(line)


_FIELDS = Entry._fields
_KNOWN = frozenset(_FIELDS)
#: What goes without saying.
_DEFAULTS = tuple(Entry._field_defaults.get(name, ...) for name in _FIELDS)


def counts(usage: Usage) -> dict[str, Any]:
    """A usage as JSON: what is not as in an empty one."""
    found: dict[str, Any] = {name: value for name, value in zip(_COUNTS, _counts(usage), strict=True) if value}
    if usage.units is not NO_UNITS and (units := units_told(usage)):
        found["units"] = units
    return found


def units_told(usage: Usage) -> dict[str, int]:
    """What was used besides tokens, without what is 0."""
    return {name: value for name in _UNITS if (value := getattr(usage.units, name)) is not None and value != 0}


def usage_of(said: dict[str, Any]) -> Usage:
    """The usage of such JSON."""
    known = {name: value for name, value in said.items() if name in _COUNTS}
    units = {name: value for name, value in said.get("units", {}).items() if name in _UNITS}
    return Usage(**known, units=Units(**units) if units else NO_UNITS)
