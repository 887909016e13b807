"""Message batches: submitted without usage, metered when their results are read, each result once."""

from __future__ import annotations

import json
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Collection
from functools import reduce
from operator import add
from typing import Any, Protocol

from opentelemetry import context

from spanledger import scope
from spanledger.call import Calls
from spanledger.errors import contained
from spanledger.messages import NOTHING, Answer
from spanledger.semconv import names
from spanledger.stream import Tap, tap_response
from spanledger.usage import Usage
from spanledger_instrumentation.anthropic.request import Endpoint, provider, request
from spanledger_instrumentation.anthropic.usage import read_usage
from spanledger_instrumentation.clients.exchange import Exchange
from spanledger_instrumentation.clients.shapes import mapping, text
from spanledger_instrumentation.clients.whom import whom

#: Batches remembered, by who created them and by which results were metered.
REMEMBERED = 1_000
#: The tier whose prices hold for all results, whatever their usage says.
TIER = "batch"


class Batches(Protocol):
    """What is remembered of batches: here for this process, in a store for all that share it."""

    def created(self, batch: str, payer: scope.Scope) -> None:
        """A batch was submitted by whoever pays for it."""

    def payer(self, batch: str) -> scope.Scope | None:
        """Who submitted a batch, as far as it is known."""

    def take(self, batch: str, results: Collection[str]) -> Collection[str]:
        """Those of these results that nobody took before; from now on they are taken."""


class MemoryBatches:
    """Remembers the batches of this process."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._payers: OrderedDict[str, scope.Scope] = OrderedDict()
        self._taken: OrderedDict[str, set[str]] = OrderedDict()
        self._limit = limit
        self._lock = threading.Lock()

    def created(self, batch: str, payer: scope.Scope) -> None:
        """A batch was submitted by whoever pays for it."""
        with self._lock:
            self._payers[batch] = payer
            _bound(self._payers, self._limit)

    def payer(self, batch: str) -> scope.Scope | None:
        """Who submitted a batch, as far as it is known."""
        return self._payers.get(batch)

    def take(self, batch: str, results: Collection[str]) -> Collection[str]:
        """Those of these results that nobody took before; from now on they are taken."""
        with self._lock:
            taken = self._taken.setdefault(batch, set())
            self._taken.move_to_end(batch)
            _bound(self._taken, self._limit)
            fresh = set(results) - taken
            taken |= fresh
            return fresh


def _bound(kept: OrderedDict[str, Any], limit: int) -> None:
    while len(kept) > limit:
        kept.popitem(last=False)


class Submission(Exchange):
    """A batch is submitted: nothing is used yet, but who pays is known."""

    def __init__(self, batches: Batches, args: tuple[Any, ...]) -> None:
        super().__init__(args)
        self._batches = batches

    def attempt_answered(self, response: Any, *, streamed: bool) -> None:
        """The batch has an id now."""
        if response.status_code < 300 and not streamed and (batch := text(mapping(response.json()).get("id"))):
            self._batches.created(batch, scope.current())


class Results(Exchange):
    """The results of a batch are read. It is also what a tap tells: that the app has read all it wanted.

    They make one metered call for each model, however many they are: a span for each of up to 100,000 results would
    overrun exporters, and what an exporter drops is missing from the bill. Each result is priced by itself.
    """

    elapsed = 0.0

    def __init__(self, calls: Calls, batches: Batches, client: Any, args: tuple[Any, ...], found: Endpoint) -> None:
        super().__init__(args)
        self._calls = calls
        self._batches = batches
        self._batch = found.batch or ""
        self._endpoint = found
        self._whom = whom(client, provider)
        self._found: dict[str, tuple[str, Usage]] = {}
        self.ended = False

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

    def line(self, raw: bytes) -> None:
        """One result. Those that failed, expired or were cancelled are not billed."""
        try:
            found = mapping(json.loads(raw))
        except ValueError:
            return
        message = mapping(mapping(found.get("result")).get("message"))
        name, usage = text(found.get("custom_id")), read_usage(message.get("usage"))
        if name is not None and usage is not None:
            self._found[name] = (text(message.get("model")) or "", usage)

    def partial(self, elapsed: float) -> Answer:  # noqa: ARG002  a tap asks
        """What was read is settled by the call of `succeed` or `fail` that follows."""
        return NOTHING

    def first_chunk(self) -> None:
        """The first piece; when it came is of no interest."""

    def fail(self, error: BaseException, answer: Answer) -> None:  # noqa: ARG002  what a tap tells
        """The reading broke off; what came before counts, the rest when it is read again."""
        self.succeed(answer)

    def succeed(self, answer: Answer) -> None:  # noqa: ARG002  what a tap tells
        """Meter the results that were read and had not been metered before."""
        if self.ended:
            return
        self.ended = True
        models: defaultdict[str, list[Usage]] = defaultdict(list)
        for name in self._batches.take(self._batch, self._found.keys()):
            model, usage = self._found[name]
            models[model].append(usage)
        here = scope.Held(self._here)
        try:
            for model, usages in sorted(models.items()):
                self._meter(model, usages)
        finally:
            here.release()

    def _meter(self, model: str, usages: list[Usage]) -> None:
        asked = request(self._endpoint, {"model": model or None, "service_tier": TIER}, *self._whom, stream=False)
        attributes = {names.SPANLEDGER_BATCH_ID: self._batch, names.SPANLEDGER_BATCH_RESULTS: len(usages)}
        total = reduce(add, usages)
        call = self._calls.start(asked, self._batches.payer(self._batch))
        call.succeed(Answer(total, model or None, TIER, attributes, parts=tuple(usages)))


class _Lines(Tap):
    """Cuts a body into lines and shows each to the results."""

    def __init__(self, results: Results) -> None:
        super().__init__(results, results)
        self._results = results
        self._held: list[bytes] = []

    def feed(self, data: bytes) -> bytes:
        """Passes on what comes as it comes."""
        with contained("anthropic"):
            *lines, rest = data.split(b"\n")
            for line in lines:
                self._results.line(b"".join(self._held) + line)
                self._held.clear()
            self._held.append(rest)
        return data

    def flush(self) -> bytes:
        """The body is whole."""
        with contained("anthropic"):
            self._results.line(b"".join(self._held))
            self._results.succeed(NOTHING)
        return b""
