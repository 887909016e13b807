"""Where requests wait until what they tell is in the database: one thread writes for all of them.

The thread takes what waits, up to some megabytes, and writes it in one transaction: the more there is to do, the less
each request costs. A request is answered when that transaction is over. Nothing is kept here that was acknowledged.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from dataclasses import dataclass, field

from sqlalchemy.exc import SQLAlchemyError

from spanledger.errors import ConfigError, failed
from spanledger.ledger.recorder import Sink
from spanledger.service.intake.bodies import MIB, Refused
from spanledger.service.intake.translating import Translation, Translator
from spanledger.service.intake.wire import Sent

#: Requests that wait at most, and bytes of them that are written together.
WAITING, TOGETHER = 256, 8 * MIB
_BUSY = "Too many requests wait to be written to the ledger; send it again in a moment."
_AWAY = "The ledger's database cannot be used now; send it again."
_OURS = "The service failed on this request, and its log says why; send it again."

Read = Callable[[bytes], Iterable[Sent]]


@dataclass(slots=True)
class _Job:
    """A body that waits, how it is read, and for which tenant alone."""

    body: bytes
    read: Read
    tenant: str | None
    done: Future[Translation] = field(default_factory=Future)


class Desk:
    """Takes bodies. `parts` makes the translator and the sink when the first one comes; the thread alone uses them."""

    def __init__(self, parts: Callable[[], tuple[Translator, Sink]]) -> None:
        self._make = parts
        self._parts: tuple[Translator, Sink] | None = None
        self._waiting: queue.Queue[_Job] = queue.Queue(WAITING)
        self._thread: threading.Thread | None = None

    def put(self, body: bytes, read: Read, tenant: str | None) -> Future[Translation]:
        """Take a body; the future ends when what it tells is in the database, or with `Refused`.

        Raises:
            Refused: too many wait.
        """
        job = _Job(body, read, tenant)
        try:
            self._waiting.put_nowait(job)
        except queue.Full:
            raise Refused(429, _BUSY, wait=1) from None
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="spanledger-intake", daemon=True)
            self._thread.start()
        return job.done

    def _work(self) -> None:
        while True:
            if (sink := self._together(self._next())) is not None:
                self._tidy(sink)

    def _tidy(self, sink: Sink) -> None:
        """Once the senders have their answers, and until more of them wait."""
        try:
            while sink.tidy() and self._waiting.empty():
                pass
        except Exception as error:  # noqa: BLE001  it will be due again
            failed("intake", error)

    def _next(self) -> list[_Job]:
        """The requests that are written together: one at least, and those that wait behind it."""
        jobs = [self._waiting.get()]
        size = len(jobs[0].body)
        while size < TOGETHER:
            try:
                jobs.append(self._waiting.get_nowait())
            except queue.Empty:
                break
            size += len(jobs[-1].body)
        return [job for job in jobs if job.done.set_running_or_notify_cancel()]

    def _together(self, jobs: list[_Job]) -> Sink | None:
        """Answer them all; the sink, where the database took what they tell."""
        done: list[tuple[_Job, Translation]] = []
        try:
            translate, sink = self._parts = self._parts or self._make()
            read = ((job, _translated(job, translate)) for job in jobs)
            done += ((job, translation) for job, translation in read if translation is not None)
            if lines := [line for _, translation in done for line in translation.lines]:
                sink(lines)
        except Exception as error:  # noqa: BLE001  the senders hear of it, and try again
            failed("intake", error)
            away = isinstance(error, (SQLAlchemyError, ConfigError))
            _refuse(jobs, _AWAY if away else _OURS, 5 if away else 30)
            return None
        for job, translation in done:
            job.done.set_result(translation)
        return sink


def _refuse(jobs: Iterable[_Job], why: str, wait: int) -> None:
    for job in jobs:
        if not job.done.done():
            job.done.set_exception(Refused(503, why, wait))


def _translated(job: _Job, translate: Translator) -> Translation | None:
    """What a request tells; None where it is refused for what it is."""
    try:
        return translate(job.read(job.body), job.tenant)
    except Refused as refused:
        job.done.set_exception(refused)
        return None
