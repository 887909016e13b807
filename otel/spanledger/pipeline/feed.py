"""What an app tells whoever watches it live: a line of JSON for every call, stage and refusal, at the end of a file.

The watcher makes the file and names it in `SPANLEDGER_LIVE`, which children of the app inherit: they all write to its
end, each line in one piece, so forks and threads need no lock. A file never keeps its writer waiting, as a pipe would.
Where it is gone, or its disk is full, nothing is told any more, and the app goes on.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from spanledger.errors import Refusal, failed
from spanledger.ledger import Charge, Entry, Keeper, Line, Maker
from spanledger.money import NANO
from spanledger.pipeline.meters import AgentRun

#: Bytes that the file may have: some million lines.
FULL = 512 * 1024**2


class Spent(NamedTuple):
    """A call that is over, or an attempt that was perhaps billed.

    `cost` is nano-USD, None if nobody knows; `unpriced`: more is owed than that. `stage` is None outside of any.
    """

    stage: str | None
    status: str
    run: str | None
    seconds: float
    tokens: int
    cost: int | None
    unpriced: bool
    estimated: bool
    charges: tuple[Charge, ...] = ()


class Ended(NamedTuple):
    """A stage or agent that has ended, with what was spent below it. `error` is the class of what ended it."""

    stage: str
    status: str
    error: str
    seconds: float
    tokens: int
    cost: int
    unpriced: int


class Denied(NamedTuple):
    """A budget refused an attempt of a call; `why` is the refusal in a sentence."""

    budget: str
    scope_value: str
    why: str


Told = Spent | Ended | Denied
_KINDS: dict[str, type[Told]] = {"spent": Spent, "ended": Ended, "denied": Denied}
_NAMES = {kind: name for name, kind in _KINDS.items()}


class Feed:
    """Tells of what a process does, and lets `behind` keep its rows if a ledger is kept."""

    def __init__(self, file: Path, behind: Keeper | None) -> None:
        self._file = file
        self._behind = behind
        self._own = Maker()
        self._open: int | None = None
        self._silent = False

    @property
    def maker(self) -> Maker:
        """Whose rows they are."""
        return self._own if self._behind is None else self._behind.maker

    @maker.setter
    def maker(self, maker: Maker) -> None:
        self._own = maker
        if self._behind is not None:
            self._behind.maker = maker

    def record(self, entry: Line) -> None:
        """Keep a row, and tell of it."""
        if self._behind is not None:
            self._behind.record(entry)
        if isinstance(entry, Entry):
            self._tell(_spent(entry))

    def close(self) -> None:
        """The process ends."""
        if self._behind is not None:
            self._behind.close()

    def ended(self, run: AgentRun) -> None:
        """A stage or agent has ended."""
        tokens = run.input + run.output
        self._tell(Ended(run.agent, run.status, run.error, run.duration, tokens, run.cost, run.unpriced))

    def refused(self, refusal: Refusal) -> None:
        """A budget has refused an attempt."""
        self._tell(Denied(refusal.budget, refusal.scope_value, str(refusal)))

    def _tell(self, told: Told) -> None:
        if self._silent:
            return
        try:
            if self._open is None:
                self._open = os.open(self._file, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            found = os.fstat(self._open)
            self._silent = not found.st_nlink or found.st_size > FULL  # nobody reads it, or not fast enough
            if not self._silent:
                os.write(self._open, line(told))
        except Exception as error:  # noqa: BLE001  contained; whoever watches sees no more
            self._silent = True
            failed("live", error)


def line(told: Told) -> bytes:
    """As a line of the file."""
    return json.dumps({_NAMES[type(told)]: told}, separators=(",", ":")).encode() + b"\n"


def read(text: bytes) -> Told | None:
    """What a line says; None where it is none of ours, or half of one."""
    try:
        [(name, values)] = json.loads(text).items()
        found = _KINDS[name](*values)
    except (ValueError, TypeError, LookupError, AttributeError):
        return None
    return found._replace(charges=tuple(Charge(*one) for one in found.charges)) if isinstance(found, Spent) else found


def _spent(entry: Entry) -> Spent:
    usage: Any = entry.usage
    return Spent(
        stage=entry.stage or entry.agent,
        status=entry.status,
        run=entry.run,
        seconds=(entry.ended - entry.started) / NANO,
        tokens=0 if usage is None else usage.input + usage.output,
        cost=entry.cost,
        unpriced=entry.price_status == "unpriced",
        estimated=entry.estimated,
        charges=entry.charges,
    )
