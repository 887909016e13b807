"""What this process was told by a server: by this it notices that the server has lost something, and can put it back.

A figure is known together with the change of which it was told; of two the later one counts. What is long past is
forgotten, the oldest first: it is the latest changes that a server loses.
"""

from __future__ import annotations

import threading
import uuid
from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TypedDict, TypeVar

#: How many counters, open holds, ended holds and doubtful ones are remembered.
KEPT = 10_000

_T = TypeVar("_T")


@dataclass(slots=True)
class Taken:
    """A hold that this process was given. `expires` is by the server's clock."""

    counters: list[str]
    amounts: list[int]
    expires: float


class Head(TypedDict):
    """What goes along with every request. `fresh` names the lineage, should one begin with it."""

    lineage: str
    changes: int
    fresh: str
    undo: list[str]


class Known:
    """The lineage and the last change seen; what was committed; holds. `lock` guards all of it."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.lineage = ""
        self._changes = 0
        self._spent: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._open: OrderedDict[str, Taken] = OrderedDict()
        self._ended: OrderedDict[str, None] = OrderedDict()
        self._doubtful: OrderedDict[str, None] = OrderedDict()

    def head(self) -> Head:
        """What to say with the next request."""
        with self.lock:
            return Head(lineage=self.lineage, changes=self._changes, fresh=uuid.uuid4().hex, undo=list(self._doubtful))

    def saw(self, lineage: str, changes: int, undone: Iterable[str]) -> None:
        """A request was answered."""
        with self.lock:
            self.lineage = self.lineage or lineage
            if self.lineage == lineage:
                self._changes = max(self._changes, changes)
            for hold in undone:
                self._doubtful.pop(hold, None)

    def taken(self, hold: str, keys: list[str], amounts: list[int], expires: float) -> None:
        """A hold was given, now or before."""
        with self.lock:
            if hold not in self._open and hold not in self._ended:
                _keep(self._open, hold, Taken(keys, amounts, expires))

    def grown(self, hold: str, keys: list[str], amounts: list[int], expires: float) -> None:
        """A hold that was given has grown; one that was not is a new one."""
        with self.lock:
            if hold not in self._ended:
                had = self._open.get(hold)
                more = [one + other for one, other in zip(had.amounts, amounts, strict=True)] if had else amounts
                _keep(self._open, hold, Taken(keys, more, expires))

    def ended(self, hold: str, lineage: str, changes: int, spent: Mapping[str, int]) -> None:
        """A hold is over, and this much is committed now."""
        with self.lock:
            self._open.pop(hold, None)
            _keep(self._ended, hold, None)
        self.spent(lineage, changes, spent)

    def spent(self, lineage: str, changes: int, spent: Mapping[str, int]) -> None:
        """This much is committed."""
        with self.lock:
            for key, amount in spent.items():
                if lineage == self.lineage and changes >= self._spent.get(key, (0, 0))[0]:
                    _keep(self._spent, key, (changes, amount))

    def doubt(self, hold: str) -> None:
        """Whether this hold was given is not known: the next request undoes it."""
        with self.lock:
            _keep(self._doubtful, hold, None)

    def trust(self, hold: str) -> None:
        """Leave a hold as it is, after all."""
        with self.lock:
            self._doubtful.pop(hold, None)

    def facts(self) -> dict[str, object]:
        """Everything, as `repair` wants it."""
        with self.lock:
            return {
                "spent": {key: [changes, str(amount)] for key, (changes, amount) in self._spent.items()},
                "open": {
                    hold: {
                        "counters": taken.counters,
                        "amounts": [str(amount) for amount in taken.amounts],
                        "expires": taken.expires,
                    }
                    for hold, taken in self._open.items()
                },
                "ended": list(self._ended),
            }

    def renew(self, lineage: str, changes: int, spent: Mapping[str, int]) -> None:
        """The server has been told everything, and goes on from there."""
        with self.lock:
            self.lineage, self._changes = lineage, changes
            self._spent.update({key: (changes, amount) for key, amount in spent.items()})

    def inherit(self) -> None:
        """In a forked process: the holds are the parent's."""
        self.lock = threading.Lock()
        self._open.clear()
        self._ended.clear()
        self._doubtful.clear()


def _keep(among: OrderedDict[str, _T], key: str, value: _T) -> None:
    among[key] = value
    among.move_to_end(key)
    if len(among) > KEPT:
        among.popitem(last=False)
