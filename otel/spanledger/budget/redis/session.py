"""One process's dealings with a server: what it says of itself with each request, and what it does about losses."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from spanledger.budget import forks
from spanledger.budget.redis.known import Known
from spanledger.budget.redis.reading import Answer
from spanledger.budget.redis.server import Server
from spanledger.budget.standing import owner
from spanledger.budget.store import StoreError

log = logging.getLogger("spanledger")

#: How often a request is repeated because the server lost something in the meantime.
_TRIES = 3


class Session:
    """Asks a server, and tells it what it has lost before it asks for anything else.

    `clock` tells seconds since the epoch; without it the server's own clock decides.
    """

    def __init__(self, server: Server, clock: Callable[[], float] | None) -> None:
        self.known = Known()
        self._server = server
        self._clock = clock
        self._repairing = threading.Lock()
        self._ahead: float | None = None
        self._owner = owner()
        forks.tell(self)

    def now(self) -> float:
        """Seconds since the epoch by the clock that decides, as far as it is known."""
        if self._clock is not None:
            return self._clock()
        return time.time() if self._ahead is None else time.monotonic() + self._ahead

    def ask(self, operation: str, *, again: bool = True, **more: object) -> Answer:
        """Have the script do something; `again`: it may be asked for twice where an answer was lost.

        Raises:
            StoreError: it was not done, or nobody knows.
        """
        for _ in range(_TRIES):
            head = self.known.head()
            status, answer = self._said({"op": operation, **head, **more}, again=again)
            if status == b"ok":
                self.known.saw(answer.lineage, answer.changes, head["undo"])
                return answer
            self._repair(head["lineage"])
        raise StoreError(f"budget store {self._server.address.name}: it keeps losing what it has acknowledged")

    def close(self) -> None:
        """Close the connections; they are made again when they are needed."""
        self._server.close()

    def before_fork(self) -> None:
        """Wait until no thread changes what is known."""
        self.known.lock.acquire()

    def in_parent(self) -> None:
        """Go on."""
        self.known.lock.release()

    def in_child(self) -> None:
        """Go on with connections of its own; what is held is the parent's."""
        self._server.forget()
        self.known.inherit()
        self._repairing = threading.Lock()
        self._owner = owner()

    def _said(self, request: dict[str, Any], *, again: bool) -> tuple[bytes, Answer]:
        request["owner"] = self._owner
        if self._clock is not None:
            request["now"] = self._clock()
        try:
            asked = json.dumps(request, ensure_ascii=False, separators=(",", ":")).encode()
        except UnicodeEncodeError as error:
            raise StoreError(f"budget store {self._server.address.name}: a name is no text ({error})") from error
        began = time.monotonic()
        said = self._server.ask(asked, again=again)
        try:
            return self._read(said, (began + time.monotonic()) / 2)
        except (TypeError, ValueError, IndexError) as error:
            name, text = self._server.address.name, str(said)[:100]
            raise StoreError(f"budget store {name}: what answers there is no Redis (it said {text})") from error

    def _read(self, said: Any, asked_at: float) -> tuple[bytes, Answer]:
        status: bytes = said[0]
        if status == b"version":
            raise StoreError(
                f"budget store {self._server.address.name} has the format {said[1].decode()} of another spanledger; "
                "use that version, or another ?prefix="
            )
        if status == b"changed":
            return status, Answer("", 0, 0.0, None)
        _, lineage, changes, now, found = said
        self._ahead = float(now) - asked_at
        return status, Answer(lineage.decode(), int(changes), float(now), found)

    def _repair(self, before: str) -> None:
        """Tell the server what this process knows of a lineage that has ended; one thread does it for all."""
        with self._repairing:
            if self.known.lineage != before:
                return
            request = {"op": "repair", **self.known.head(), **self.known.facts()}
            _, answer = self._said(request, again=True)
            told = json.loads(answer.found)
            spent = {key: int(amount) for key, amount in dict(told["spent"]).items()}
            self.known.renew(answer.lineage, answer.changes, spent)
        if told["repaired"] or told["retaken"]:
            log.warning(
                "spanledger budget store %s had lost what it had acknowledged: raised %d counters to what this process "
                "knows, took %d holds again; other losses only other processes can know (see the audit)",
                self._server.address.name,
                told["repaired"],
                told["retaken"],
            )
