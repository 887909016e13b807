"""Batches: held at their worst when they are submitted, metered when their results are read, each result once.

A batch has no span of its own. Its results make one metered call for each model and operation, however many they are:
a span for each of up to 100,000 results would overrun exporters, and what an exporter drops is missing from the bill.
Each result is priced by itself.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import add
from typing import Any, ClassVar

from opentelemetry import context

from spanledger import scope
from spanledger.admission import Admission
from spanledger.bound import Bound
from spanledger.call import Calls
from spanledger.errors import BudgetExceeded, Refused, contained
from spanledger.later import resumed
from spanledger.messages import Answer, Request
from spanledger.pending import LIVES, Pending
from spanledger.semconv import names
from spanledger.stream import Tap
from spanledger.tapping import tap_response
from spanledger.usage import Usage
from spanledger_instrumentation.clients.answers import ProviderError
from spanledger_instrumentation.clients.billing import billed, billed_status
from spanledger_instrumentation.clients.bodies import Untimed, show
from spanledger_instrumentation.clients.exchange import Exchange

#: The tier whose prices hold for all results, whatever their usage says.
TIER = "batch"


@dataclass(frozen=True, slots=True)
class Result:
    """What one request of a batch came to. `key` is its name, unlike that of any other result of any batch."""

    key: str
    operation: str
    model: str
    usage: Usage


def key_of(batch: str) -> str:
    """Where a batch is remembered."""
    return f"batch:{batch}"


class Submission(Exchange, ABC):
    """A batch is submitted: nothing is used yet, but who pays is known, and what it may cost at most is held."""

    library: ClassVar[str]

    def __init__(self, calls: Calls, args: tuple[Any, ...]) -> None:
        super().__init__(args)
        self._calls = calls
        self._payer = scope.current()
        self._asked: list[tuple[Request, Admission, Sequence[Bound]]] = []

    @abstractmethod
    def wanted(self, args: tuple[Any, ...]) -> Mapping[str | None, Sequence[Bound]]:
        """The worst cases of its requests, by the model they ask; `args` are what the attempt is made with."""

    @abstractmethod
    def request(self, model: str | None) -> Request:
        """What is asked of a model."""

    @abstractmethod
    def submitted(self, body: bytes) -> str | None:
        """The id of the batch, in the answer."""

    def _ask(self, args: tuple[Any, ...]) -> None:
        """See whom the requests ask, where budgets count that."""
        if self._calls.guard is None or self._asked:
            return
        here = context.get_current()
        wanted: Mapping[str | None, Sequence[Bound]] = {None: [Bound(None, None, passes=None)]}
        with contained(self.library):
            wanted = self.wanted(args)
        for model, bounds in wanted.items():
            request = replace(self.request(model), tier=TIER)
            admission = self._calls.payers.admission(request, self._calls.payers.payer(here, self._payer), here)
            if admission is not None:
                self._asked.append((request, admission, bounds))

    def admission(self, args: tuple[Any, ...]) -> Iterator[float]:
        """Leave for all requests, or for none.

        Raises:
            Refused: a budget has no room for them.
        """
        self._ask(args)
        try:
            for _, admission, bounds in self._asked:
                yield from admission.admit(*(replace(bound, lasting=True) for bound in bounds))
        except BaseException:
            self._give_back()
            raise

    def attempt_failed(self, error: BaseException) -> None:
        """It is not known whether the batch was submitted."""
        if billed(error, self._handled):
            self._lost(error)
        else:
            self._give_back()

    def attempt_answered(self, response: Any, *, streamed: bool) -> None:
        """The batch has an id now, or was not taken."""
        status = response.status_code
        if status < 300:
            show(self._calls, response, self._answered, streamed=streamed)
        elif billed_status(status):
            self._lost(ProviderError(f"HTTP {status}", str(status)))
        else:
            self._give_back()

    def _give_back(self) -> None:
        for _, admission, _ in self._asked:
            admission.attempt_over(billed=False)

    def _lost(self, error: BaseException) -> None:
        """The attempt is charged what was held for it: a call for each model says so, and its lost attempt."""
        for request, admission, _ in self._asked:
            call = self._calls.start(request, self._payer)
            call.admission = admission.told(call.span)
            call.attempt_over(billed=True)
            call.fail(error)

    def _answered(self, body: bytes) -> None:
        with contained(self.library):
            batch = self.submitted(body)
            if batch is None:
                return
            held = [(request.model or "", admission.defer(LIVES)) for request, admission, _ in self._asked]
            holds = tuple((model, one) for model, one in held if one is not None)
            self._calls.remembered.put(key_of(batch), Pending(self._payer, holds=holds).text)

    def __exit__(self, kind: Any, error: BaseException | None, trace_back: Any) -> None:
        """A submission that was refused is a span, as any call is."""
        super().__exit__(kind, error, trace_back)
        if isinstance(error, (BudgetExceeded, Refused)) and self._asked:
            with contained(self.library):
                self._calls.start(self._asked[0][0], self._payer).fail(BudgetExceeded(error.refusal))


class Results(Exchange, Untimed, ABC):
    """The results of a batch are read. It is also what a tap tells: that the app has read all it wanted."""

    library: ClassVar[str]

    def __init__(self, calls: Calls, args: tuple[Any, ...]) -> None:
        super().__init__(args)
        self._calls = calls
        self._found: dict[str, Result] = {}
        self._whole = False

    @property
    @abstractmethod
    def batch(self) -> str | None:
        """The id of the batch; None where it is not known."""

    @abstractmethod
    def line(self, raw: bytes) -> Result | None:
        """The result in a line; None for those that failed, expired or were cancelled: they are not billed."""

    @abstractmethod
    def request(self, operation: str, model: str | None) -> Request:
        """What was asked of a model."""

    def __enter__(self) -> Results:
        super().__enter__()
        self._here = context.get_current()
        return self

    def attempt_answered(self, response: Any, *, streamed: bool) -> None:
        """The results begin to come, or are here."""
        if response.status_code >= 300:
            return
        tap = _Lines(self)
        if streamed:
            tap_response(response, tap, self._calls)
        else:
            tap.feed(response.content)
            tap.flush()

    def read(self, raw: bytes) -> None:
        """One line."""
        if (found := self.line(raw)) is not None:
            self._found[found.key] = found

    def complete(self) -> None:
        """All lines have been read."""
        self._whole = True
        self.succeed(Answer())

    def succeed(self, answer: Answer) -> None:  # noqa: ARG002  what a tap tells
        """Meter what was read and nobody has metered before."""
        if self.ended:
            return
        self.ended = True
        groups: defaultdict[tuple[str, str], list[Usage]] = defaultdict(list)
        for key in sorted(self._calls.remembered.first(self._found.keys())):
            found = self._found[key]
            groups[found.operation, found.model].append(found.usage)
        here = scope.Held(self._here)
        try:
            self._meter(groups)
        finally:
            here.release()

    def _meter(self, groups: Mapping[tuple[str, str], list[Usage]]) -> None:
        batch = self.batch
        pending, holds = self._pending(batch)
        for (operation, model), usages in sorted(groups.items()):
            asked = _matching(model, holds)
            mine = ((asked, holds.pop(asked)),) if asked is not None else ()
            request = replace(self.request(operation, asked or model or None), tier=TIER)
            told = {names.SPANLEDGER_BATCH_ID: batch} if batch else {}
            attributes: dict[str, Any] = {**told, names.SPANLEDGER_BATCH_RESULTS: len(usages)}
            if pending is None:
                call = self._calls.start(request)
            else:
                call = resumed(self._calls, request, replace(pending, holds=mine))
            call.succeed(Answer(reduce(add, usages), model or None, TIER, attributes, parts=tuple(usages)))
        for model, held in holds.items():
            release(self._calls, self.request("chat", model), held)

    def _pending(self, batch: str | None) -> tuple[Pending | None, dict[str, str]]:
        """What is known of the batch, and its holds once it is read to its end: they stand for all of it until then."""
        if batch is None:
            return None, {}
        remembered = self._calls.remembered
        pending = Pending.of(remembered.peek(key_of(batch)))
        if pending is None or not self._whole or not pending.holds:
            return pending, {}
        return pending, settled(self._calls, batch)


def settled(calls: Calls, batch: str) -> dict[str, str]:
    """The holds of a batch that is over, by model, once; who pays for it is still remembered."""
    pending = Pending.of(calls.remembered.take(key_of(batch)))
    if pending is None:
        return {}
    calls.remembered.put(key_of(batch), replace(pending, holds=()).text)
    return dict(pending.holds)


def release(calls: Calls, request: Request, held: str) -> None:
    """Give back what was held for requests that came to nothing."""
    here = context.get_current()
    admission = calls.payers.admission(request, calls.payers.payer(here), here)
    if admission is not None:
        admission.resume(held)
        admission.attempt_over(billed=False)


def _matching(model: str, holds: Mapping[str, str]) -> str | None:
    """Which of the models asked for answered under this name, a dated one mostly."""
    known = [asked for asked in holds if asked and model.startswith(asked)]
    return max(known, key=len) if known else next(iter(holds), None) if len(holds) == 1 else None


class _Lines(Tap):
    """Cuts a body into lines and shows each to the results. What does not begin as JSON does is no lines of results."""

    def __init__(self, results: Results) -> None:
        super().__init__(results, results)
        self._results = results
        self._held: list[bytes] = []
        self._reads: bool | None = None

    def feed(self, data: bytes) -> bytes:
        """Passes on what comes as it comes."""
        if self._reads is None and data.strip():
            self._reads = data.lstrip().startswith(b"{")
        if self._reads:
            with contained(self._results.library):
                self._cut(data)
        return data

    def _cut(self, data: bytes) -> None:
        *lines, rest = data.split(b"\n")
        for line in lines:
            self._results.read(b"".join(self._held) + line)
            self._held.clear()
        self._held.append(rest)

    def flush(self) -> bytes:
        """The body is whole."""
        with contained(self._results.library):
            self._results.read(b"".join(self._held))
            self._results.complete()
        return b""
