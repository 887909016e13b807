"""How the parts are that the service works with, looked at beside the requests: none of them waits for a dead part."""

from __future__ import annotations

import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from sqlalchemy import Engine

from spanledger.budget.store import StoreError
from spanledger.ledger.database import reading
from spanledger.ledger.migrate import HEAD, version
from spanledger.service.answers.metrics import State
from spanledger.service.books import Books

#: Seconds for which a look is believed; that a look waits for a part; and that a request waits for one
#: where none was made lately.
FRESH, PATIENCE, FIRST = 5.0, 2.0, 0.5


@dataclass(frozen=True, slots=True)
class Seen:
    """How a part is, and what is the matter."""

    state: State
    detail: str = ""


Look = Callable[[], Seen]
_NOT_YET = Seen("degraded", "It has not answered yet.")


@dataclass(slots=True)
class Watch:
    """Looks by name of the part; each is made in a thread of its own, one at a time."""

    looks: Mapping[str, Look]
    clock: Callable[[], float] = time.monotonic
    _seen: dict[str, tuple[float, Seen]] = field(default_factory=dict)
    _busy: set[str] = field(default_factory=set)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def seen(self) -> dict[str, Seen]:
        """How each part was when it was last looked at; what is too long ago is looked at again meanwhile."""
        begun = [self._begin(name) for name in self.looks]
        until = time.monotonic() + FIRST
        for name, thread in zip(self.looks, begun, strict=True):
            if thread is not None and self._too_old(name):
                thread.join(max(0.0, until - time.monotonic()))
        return {name: self._told(name) for name in self.looks}

    def _told(self, name: str) -> Seen:
        if name not in self._seen:
            return _NOT_YET
        return Seen("down", "It has stopped answering.") if self._too_old(name) else self._seen[name][1]

    def _too_old(self, name: str) -> bool:
        """Whether what was seen says nothing of now; also where nothing was."""
        known = self._seen.get(name)
        return known is None or self.clock() - known[0] > FRESH + 3 * PATIENCE

    def _begin(self, name: str) -> threading.Thread | None:
        with self._lock:
            known = self._seen.get(name)
            if name in self._busy or (known is not None and self.clock() - known[0] < FRESH):
                return None
            self._busy.add(name)
        thread = threading.Thread(target=self._look, args=(name,), name=f"spanledger-watch-{name}", daemon=True)
        thread.start()
        return thread

    def _look(self, name: str) -> None:
        try:
            seen = self.looks[name]()
        except Exception as error:  # noqa: BLE001  whatever a part raises, it is not well
            seen = Seen("down", f"{error}".partition("\n")[0] or type(error).__name__)
        with self._lock:
            self._seen[name] = (self.clock(), seen)
            self._busy.discard(name)


def watch(engine: Engine, books: Books, collector_url: str | None) -> Watch:
    """What is to be looked at for a service of these parts."""
    return Watch(
        {
            "ledger": lambda: _ledger(engine),
            "store": lambda: _store(books),
            "collector": lambda: collector(collector_url),
        }
    )


def _ledger(engine: Engine) -> Seen:
    with reading(engine) as connection:
        found = version(connection)
    if found == HEAD:
        return Seen("ok")
    return Seen("down", f"Its tables are of version {found}, not {HEAD}; run: spanledger ledger migrate")


def _store(books: Books) -> Seen:
    try:
        books.reach()
    except StoreError as error:
        return Seen("down", f"{error}; see SPANLEDGER_STORE")
    return Seen("ok")


def collector(url: str | None) -> Seen:
    """How the collector says it is, by its extension `health_check`."""
    if url is None:
        return Seen("not configured", "Set SPANLEDGER_COLLECTOR_URL to the collector's health_check.")
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as response:  # noqa: S310  the setting takes http only
            response.read(1024)
    except urllib.error.HTTPError as error:
        return Seen("degraded", f"It answers with status {error.code}; look at its log.")
    except OSError as error:
        return Seen("down", f"It does not answer ({error}); start it, or see SPANLEDGER_COLLECTOR_URL.")
    return Seen("ok")
