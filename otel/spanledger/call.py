"""The life of one call to a model: from the moment the app asks for it until what it used is known.

An adapter starts a `Call`, tells it what happens, and ends it exactly once, by `succeed` or `fail`. The call owns its
span: it prices what was used before the span ends, because an ended span takes no attributes.
"""

from __future__ import annotations

import os
import random
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol
from weakref import WeakSet

from opentelemetry import context, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from spanledger import scope
from spanledger.admission import Admission
from spanledger.afterwards import Afterwards
from spanledger.config import Settings
from spanledger.errors import BudgetExceeded, Refusal, contained, type_name
from spanledger.guard import Asked, Guard
from spanledger.lineage import Facts, Lineage
from spanledger.pending import Remembered
from spanledger.pricing import Price, PriceBook
from spanledger.pricing.attributes import price_attributes
from spanledger.semconv import names
from spanledger.usage import Usage

SCOPE_NAME = "spanledger"


@dataclass(frozen=True, slots=True)
class Request:
    """What is known of a call before it is sent. `attributes` are further `gen_ai.request.*` and the like.

    `key` is a fingerprint of the API key, never the key.
    """

    operation: str
    provider: str
    model: str | None = None
    server_address: str | None = None
    server_port: int | None = None
    stream: bool = False
    tier: str | None = None
    key: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    links: tuple[trace.Link, ...] = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider answered, as far as it was seen. `attributes` are further `gen_ai.response.*` and the like."""

    usage: Usage | None = None
    model: str | None = None
    tier: str | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)
    error: BaseException | None = None
    """What the provider says went wrong, in an answer that HTTP calls a success."""
    instead: Callable[[], Usage | None] | None = field(default=None, compare=False)
    """Estimates the usage, in case that the one told is more than the model can take and give; None where it may be."""
    parts: tuple[Usage, ...] = ()
    """The usages that `usage` is the sum of, where they are priced one by one: the requests of a batch."""
    beside: tuple[Answer, ...] = ()
    """What other models did on the way, asked by the provider itself; each becomes a call of its own below this."""


NOTHING = Answer()

#: Operations that no provider charges for.
FREE = frozenset({"moderation"})


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
        self.clock = clock
        #: What is remembered of work that one call begins and another one ends.
        self.remembered = Remembered(guard.store if guard else None)
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

    def unmetered(self, library: str) -> None:
        """A call is about to leave that cannot be metered, because a patch point of its client is missing.

        Raises:
            BudgetExceeded: there is a hard budget, so it must not leave.
        """
        if self.guard is not None and self.guard.hard:
            detail = f"this version of {library} lacks a patch point, see spanledger doctor"
            raise BudgetExceeded(Refusal(self.guard.hard[0].name, "misconfigured", detail=detail))

    def unbounded(self, what: str) -> None:
        """Something is about to be asked for that costs money and is not metered.

        Raises:
            BudgetExceeded: there is a hard budget, and it does not say `unbounded: window`.
        """
        if self.guard is None:
            return
        closed = next((budget for budget in self.guard.hard if budget.unbounded == "refuse"), None)
        if closed is not None:
            detail = f"{what}; it goes, uncounted, under unbounded: window"
            raise BudgetExceeded(self.guard.refused(Refusal(closed.name, "too_large", detail=detail)).refusal)

    def start(self, request: Request, payer: scope.Scope | None = None) -> Call:
        """Begin a call in the current context: whoever pays there pays for it, unless a payer is named."""
        here = context.get_current()
        payer = self.payer(payer, here)
        attributes = _start_attributes(request, payer)
        name = f"{request.operation} {request.model}" if request.model else request.operation
        span = self.tracer.start_span(name, here, SpanKind.CLIENT, attributes, request.links or None)
        self.lineage.claimed(span.get_span_context().span_id)
        call = Call(self, request, span, here, payer)
        call.admission = self.admission(request, payer, here, span)
        return call

    def payer(self, payer: scope.Scope | None, here: context.Context) -> scope.Scope:
        """Who pays for what is asked in this context, unless a payer is named."""
        payer = payer or scope.current(here)
        if self.settings.trusts_baggage:
            payer = payer.over(scope.from_baggage(here))
        if payer.run is None:
            outer = self.lineage.run_of(trace.get_current_span(here).get_span_context().span_id)
            payer = scope.with_run(payer, outer or scope.process_run())
        return payer

    def admission(
        self, request: Request, payer: scope.Scope, here: context.Context, span: trace.Span = trace.INVALID_SPAN
    ) -> Admission | None:
        """What a request asks of its budgets, None where none counts it. `span` is told of refusals."""
        guard = self.guard
        if guard is None:
            return None
        asked = Asked(
            request.provider,
            request.model,
            payer,
            tier=request.tier,
            key=request.key,
            baggage=scope.said(here) if guard.register.reads_baggage else {},
            free=request.operation in FREE,
        )
        ticket = guard.ticket(asked)
        return None if ticket is None else Admission(ticket, span)


def _start_attributes(request: Request, payer: scope.Scope) -> dict[str, Any]:
    attributes: dict[str, Any] = {
        names.GEN_AI_OPERATION_NAME: request.operation,
        names.GEN_AI_PROVIDER_NAME: request.provider,
        names.SPANLEDGER_CALL_ID: f"{time.time_ns():016x}{random.getrandbits(64):016x}",
        names.SPANLEDGER_STAGE: scope.UNATTRIBUTED,
        names.SPANLEDGER_TENANT_ID: scope.UNATTRIBUTED,
    }
    attributes.update(payer.attributes())
    attributes.update(request.attributes)
    if request.model:
        attributes[names.GEN_AI_REQUEST_MODEL] = request.model
    if request.server_address:
        attributes[names.SERVER_ADDRESS] = request.server_address
    if request.server_port is not None:
        attributes[names.SERVER_PORT] = request.server_port
    if request.stream:
        attributes[names.GEN_AI_REQUEST_STREAM] = True
    return attributes


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
        """Make the span current while requests are under way; our baggage, no provider's business, is gone there."""
        return scope.Held(trace.set_span_in_context(self.span, scope.without_baggage(self._context)))

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

    def first_chunk(self) -> None:
        """The first piece of a streamed answer is here."""
        if self._first_chunk is None:
            self._first_chunk = self.elapsed

    def attempt_failed(self, number: int, error_type: str, status_code: int | None) -> None:
        """Attempt `number` (from 1) failed and the client makes another one."""
        facts: dict[str, Any] = {names.SPANLEDGER_ATTEMPT_NUMBER: number, names.ERROR_TYPE: error_type}
        if status_code is not None:
            facts[names.HTTP_RESPONSE_STATUS_CODE] = status_code
        self.span.add_event(names.EVENT_SPANLEDGER_ATTEMPT_FAILED, facts)

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
        with contained("call"):
            self._settle(answer, error)
        with contained("call"):
            self.span.end()

    def _believable(self, answer: Answer) -> Answer:
        """The answer, with an estimate for a usage that its model's context window has no room for."""
        usage, request = answer.usage, self.request
        model = answer.model or request.model
        if usage is None or answer.instead is None or model is None or request.operation == "embeddings":
            return answer
        window = self._calls.book.limits(request.provider, model).context
        if usage.estimated or usage.web_searches or usage.units or not usage.checked().exceeds(window):
            return answer
        guess = answer.instead()
        if guess is None:
            return answer
        return replace(answer, usage=replace(guess, suspect=True, reported_nano_usd=usage.reported_nano_usd))

    def _settle(self, answer: Answer, error: BaseException | None) -> None:
        duration = self.elapsed
        answer = self._believable(answer)
        found: dict[str, Any] = {**answer.attributes, **self._limits}
        if answer.model:
            found[names.GEN_AI_RESPONSE_MODEL] = answer.model
        if self._first_chunk is not None:
            found[names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK] = self._first_chunk
        usage, price = answer.usage, None
        if usage is not None:
            price = self._price(usage, answer)
            found.update(usage.attributes())
            found.update(price_attributes(price, self._calls.book.version))
            producing = duration - (self._first_chunk or 0.0)
            if usage.output and producing > 0 and not usage.estimated:
                found[names.SPANLEDGER_OUTPUT_RATE] = round(usage.output / producing, 3)
        if self.admission is not None:
            found.update(self.admission.settle(usage, price.nano_usd if price else None, len(answer.parts) or 1))
        error_type = None
        if error is not None:
            error_type = type_name(error)
            found.update(_error_attributes(error, error_type))
            self.span.set_status(Status(StatusCode.ERROR, _first_line(error)))
        self.span.set_attributes(found)
        facts = self._facts(answer, price, duration, error_type)
        self._calls.lineage.metered(self.span.get_span_context().span_id, facts)
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

    def _price(self, usage: Usage, answer: Answer) -> Price | None:
        if not answer.parts:
            return self._price_of(usage, answer)
        prices = [price for part in answer.parts if (price := self._price_of(part, answer)) is not None]
        if len(prices) < len(answer.parts):
            return None
        return Price(sum(price.nano_usd for price in prices), prices[0].version, prices[0].source)

    def _price_of(self, usage: Usage, answer: Answer) -> Price | None:
        model = answer.model or self.request.model
        if model is None:
            return None
        request, book = self.request, self._calls.book
        tier = answer.tier or request.tier
        price = book.price(usage, provider=request.provider, model=model, tier=tier)
        if price is None and request.model and request.model != model:
            price = book.price(usage, provider=request.provider, model=request.model, tier=tier)
        return price

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


def _error_attributes(error: BaseException, error_type: str) -> dict[str, Any]:
    found: dict[str, Any] = {names.ERROR_TYPE: error_type}
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        found[names.HTTP_RESPONSE_STATUS_CODE] = status
    if isinstance(error, BudgetExceeded):
        found[names.SPANLEDGER_BUDGET_NAME] = error.refusal.budget
        found[names.SPANLEDGER_BUDGET_KIND] = error.refusal.kind
    return found


def _first_line(error: BaseException) -> str:
    return str(error).partition("\n")[0][:200]
