"""The life of one call to a model: from the moment the app asks for it until what it used is known.

An adapter starts a `Call`, tells it what happens, and ends it exactly once, by `succeed` or `fail`. The call owns its
span: it prices what was used before the span ends, because an ended span takes no attributes.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from functools import cached_property
from typing import Any, Protocol
from weakref import WeakSet

from opentelemetry import context, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from spanledger import caching, posting, scope
from spanledger.admission import Admission
from spanledger.afterwards import Afterwards
from spanledger.config import Settings
from spanledger.errors import contained, failed, type_name
from spanledger.guard import Ended, Guard
from spanledger.ledger import CacheEvent, Keeper
from spanledger.lineage import Facts, Lineage
from spanledger.messages import NOTHING, Answer, Request
from spanledger.money import NANO
from spanledger.payers import Payers
from spanledger.pending import Remembered
from spanledger.pricing import Price, PriceBook
from spanledger.pricing.attributes import price_attributes
from spanledger.reckoning import believable, error_attributes, first_line, lost_attributes, price_of, start_attributes
from spanledger.semconv import names

SCOPE_NAME = "spanledger"
#: The call whose requests are being made in a context.
_CLAIM = context.create_key("spanledger-claim")


class Clock(Protocol):
    """Seconds that only go forward."""

    def __call__(self) -> float: ...  # noqa: D102


class Calls:
    """Makes calls: holds what all of them need, so that every part can be replaced."""

    def __init__(
        self,
        settings: Settings,
        book: PriceBook,
        lineage: Lineage,
        *,
        guard: Guard | None = None,
        provider: trace.TracerProvider | None = None,
        clock: Clock = time.perf_counter,
    ) -> None:
        self.settings = settings
        self.book = book
        self.lineage = lineage
        self.guard = guard
        self.payers = Payers(settings, lineage, guard)
        self.clock = clock
        #: What is remembered of work that one call begins and another one ends.
        self.remembered = Remembered(guard.store if guard else None)
        #: Takes an entry for every call; None where no ledger is kept.
        self.ledger: Keeper | None = None
        #: Are told of the app's caches that were asked.
        self.told_of_caches: list[Callable[[CacheEvent], object]] = []
        self.afterwards = Afterwards()
        #: Streams under way, each with a `closed` that settles it: for the end of the process.
        self.streams: WeakSet[Any] = WeakSet()
        self._provider = provider

    @cached_property
    def tracer(self) -> trace.Tracer:
        """The tracer of metered calls; looked up late, because the provider is often set after the adapters."""
        return trace.get_tracer(SCOPE_NAME, tracer_provider=self._provider)

    def close(self) -> None:
        """The process ends: end what is still being read, and let go of the books."""
        for stream in list(self.streams):
            stream.closed()
        if self.guard is not None:
            self.guard.close()
        if self.ledger is not None:
            self.ledger.close()

    def start(self, request: Request, payer: scope.Scope | None = None) -> Call:
        """Begin a call in the current context: whoever pays there pays for it, unless a payer is named."""
        here = context.get_current()
        payer = self.payers.payer(here, payer)
        attributes = start_attributes(request, payer)
        name = f"{request.operation} {request.model}" if request.model else request.operation
        span = self.tracer.start_span(name, here, SpanKind.CLIENT, attributes, request.links or None)
        self.lineage.claimed(span.get_span_context().span_id)
        call = Call(self, request, span, here, payer)
        call.id = attributes[names.SPANLEDGER_CALL_ID]
        if call.cache is not None:
            span.set_attribute(names.SPANLEDGER_CACHE_RESULT, call.cache)
        call.admission = self.payers.admission(request, payer, here, span)
        return call


class Call:
    """One logical call, whatever number of HTTP attempts it takes."""

    def __init__(
        self, calls: Calls, request: Request, span: trace.Span, here: context.Context, payer: scope.Scope
    ) -> None:
        self.request = request
        self.span = span
        self._calls = calls
        self._context = here
        self._began = calls.clock()
        self._first_chunk: float | None = None
        self.payer = payer
        #: One for the logical call, whatever became of its attempts; begins with the time in hexadecimal nanoseconds.
        self.id = ""
        self.attempts = 1
        #: Whether a cache of the app's was asked in vain before.
        self.cache: str | None = caching.state()
        #: How many attempts brought no answer, and when the last of them ended, in seconds since the call began.
        self.overs, self._over_at = 0, 0.0
        #: What it asks of its budgets; None where none counts it.
        self.admission: Admission | None = None
        self._pid = os.getpid()
        self._limits: dict[str, int] = {}
        self._ended = False
        self._lock = threading.Lock()

    def ask_instead(self, model: str) -> None:
        """A budget had only room for this model."""
        self.request = replace(self.request, model=model)

    def active(self) -> scope.Held:
        """Make the span current while requests are under way; our baggage, no provider's business, is gone there.

        Requests made there are claimed: adapters of whatever lies below leave them alone.
        """
        inner = trace.set_span_in_context(self.span, scope.without_baggage(self._context))
        return scope.Held(context.set_value(_CLAIM, self, inner))

    @property
    def calls(self) -> Calls:
        """Who made it."""
        return self._calls

    @property
    def ended(self) -> bool:
        """Whether the call has come to its end."""
        return self._ended

    @property
    def elapsed(self) -> float:
        """Seconds since the call began."""
        return self._calls.clock() - self._began

    @property
    def began(self) -> int:
        """When the call began, in nanoseconds since the epoch."""
        return int(self.id[:16], 16)

    def first_chunk(self) -> None:
        """The first piece of a streamed answer is here."""
        if self._first_chunk is None:
            self._first_chunk = self.elapsed

    def attempt_failed(self, number: int, error_type: str, status_code: int | None) -> None:
        """Attempt `number` (from 1) failed and the client makes another one."""
        self.attempts = number + 1
        facts: dict[str, Any] = {names.SPANLEDGER_ATTEMPT_NUMBER: number, names.ERROR_TYPE: error_type}
        if status_code is not None:
            facts[names.HTTP_RESPONSE_STATUS_CODE] = status_code
        self.span.add_event(names.EVENT_SPANLEDGER_ATTEMPT_FAILED, facts)

    def attempt_over(self, *, billed: bool) -> None:
        """The attempt brought no answer; `billed` unless it is known that nobody is charged for it."""
        if self.admission is not None:
            self.admission.attempt_over(billed=billed)
        with contained("ledger"):
            self.overs += 1
            since, self._over_at = self._over_at, self.elapsed
            if billed:
                self._lost(since, self._over_at, self.admission.ended if self.admission else None)

    def _lost(self, since: float, until: float, ended: Ended | None) -> None:
        """An attempt that was perhaps billed brought no answer: it is told on the span, and is a row of the ledger."""
        facts = lost_attributes(self.overs, until - since, ended)
        self.span.add_event(names.EVENT_SPANLEDGER_ATTEMPT_LOST, facts, self.began + round(until * NANO))
        if self._calls.ledger is not None:
            self._calls.ledger.record(posting.of_lost_attempt(self, since, until, ended))

    def limits(self, limits: dict[str, int]) -> None:
        """What the provider's rate-limit headers said, by attribute name. The last answer counts."""
        self._limits = limits

    def succeed(self, answer: Answer) -> None:
        """The answer is complete, for better or worse."""
        self._end(answer, answer.error)

    def fail(self, error: BaseException, answer: Answer = NOTHING) -> None:
        """This error came instead of an answer, or of the rest of one."""
        self._end(answer, error)

    def _end(self, answer: Answer, error: BaseException | None) -> None:
        with self._lock:
            if self._ended:
                return
            self._ended = True
        if self._pid != os.getpid():
            return  # a forked child shares the stream; the call is its parent's
        try:
            self._settle(answer, error)
        except Exception as failure:  # noqa: BLE001  contained, without the cost of a context for every call
            failed("call", failure)
            if self.admission is not None:
                with contained("call"):
                    self.admission.settle(None, None)  # what was held, unless it is settled already
        with contained("call"):
            self.span.end()

    def _settle(self, answer: Answer, error: BaseException | None) -> None:
        duration = self.elapsed
        answer = believable(self._calls.book, self.request, answer)
        found: dict[str, Any] = {**answer.attributes, **self._limits}
        if answer.model:
            found[names.GEN_AI_RESPONSE_MODEL] = answer.model
        if self._first_chunk is not None:
            found[names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] = self._first_chunk
        usage, price = answer.usage, None
        if usage is not None:
            price = price_of(self._calls.book, self.request, usage, answer)
            found.update(usage.attributes())
            found.update(price_attributes(price, self._calls.book.version))
            producing = duration - (self._first_chunk or 0.0)
            if usage.output and producing > 0 and not usage.estimated:
                found[names.SPANLEDGER_OUTPUT_RATE] = round(usage.output / producing, 3)
        if self.admission is not None:
            found.update(self.admission.settle(usage, price, len(answer.parts) or 1))
        error_type = None
        if error is not None:
            error_type = type_name(error)
            found.update(error_attributes(error, error_type))
            self.span.set_status(Status(StatusCode.ERROR, first_line(error)))
        self.span.set_attributes(found)
        facts = self._facts(answer, price, duration, error_type)
        self._calls.lineage.metered(self.span.get_span_context().span_id, facts)
        if self._calls.ledger is not None:
            paid = posting.Paid(price, self.admission.ended if self.admission else None)
            self._calls.ledger.record(posting.of_call(self, facts, answer, paid))
        for other in answer.beside:
            self._beside(other)

    def _beside(self, answer: Answer) -> None:
        """Meter what another model did on the way, below this call and for whoever pays for it."""
        here = self.active()
        try:
            request = replace(self.request, model=answer.model, stream=False, tier=None, attributes={}, links=())
            call = self._calls.start(request, self.payer)
        finally:
            here.release()
        call.succeed(answer)

    def _facts(self, answer: Answer, price: Price | None, duration: float, error_type: str | None) -> Facts:
        request = self.request
        return Facts(
            operation=request.operation,
            provider=request.provider,
            request_model=request.model,
            response_model=answer.model,
            server_address=request.server_address,
            server_port=request.server_port,
            stage=self.payer.stage or self.payer.implied_stage,
            tenant=self.payer.tenant,
            usage=answer.usage,
            cost=price.nano_usd if price else None,
            missing=price.missing if price else (),
            duration=duration,
            first_chunk=self._first_chunk,
            error=error_type,
            remaining_requests=self._limits.get(names.SPANLEDGER_RATELIMIT_REMAINING_REQUESTS),
            remaining_tokens=self._limits.get(names.SPANLEDGER_RATELIMIT_REMAINING_TOKENS),
            response_id=answer.attributes.get(names.GEN_AI_RESPONSE_ID),
        )


def claimed() -> bool:
    """Whether a call under way here meters the requests that are made here."""
    call = context.get_value(_CLAIM)
    return isinstance(call, Call) and not call.ended
