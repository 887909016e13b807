"""From what is known of a call to its entry in the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

from opentelemetry.trace import SpanContext

from spanledger import scope
from spanledger.guard import Ended
from spanledger.ledger import Charge, Entry, Maker
from spanledger.ledger.entry import NOBODY, PriceStatus, Status
from spanledger.lineage import Facts
from spanledger.messages import Answer, Request
from spanledger.money import NANO
from spanledger.pricing import Price
from spanledger.semconv import names
from spanledger.usage import Usage

#: HTTP statuses that say that somebody gave up waiting.
_GIVEN_UP = frozenset({"408", "499", "504"})


class Spanned(Protocol):
    """A span, open or ended."""

    def get_span_context(self) -> SpanContext | None:
        """Its ids."""


class Known(Protocol):
    """What an entry needs of a call. `began` is nanoseconds since the epoch."""

    @property
    def id(self) -> str:
        """One for the logical call."""

    @property
    def request(self) -> Request:
        """What was asked."""

    @property
    def span(self) -> Spanned:
        """The call's own."""

    @property
    def payer(self) -> scope.Scope:
        """Who pays."""

    @property
    def attempts(self) -> int:
        """How many it took."""

    @property
    def overs(self) -> int:
        """How many brought no answer."""

    @property
    def cache(self) -> str | None:
        """Whether a cache of the app's was asked in vain before."""

    @property
    def began(self) -> int:
        """When the app asked."""


class Paid(NamedTuple):
    """What a call cost: its price, None if nobody knows, and what its budgets were charged, None where none counts."""

    price: Price | None
    ended: Ended | None


def status_of(error_type: str | None) -> Status:
    """How a call ended, by its error."""
    if error_type is None:
        return "success"
    if error_type == "spanledger.BudgetExceeded":
        return "refused"
    return "timeout" if error_type in _GIVEN_UP or "timeout" in error_type.lower() else "error"


def charges_of(ended: Ended | None) -> tuple[Charge, ...]:
    """What counters of budgets were charged."""
    return () if ended is None else tuple(Charge(*counter, amount) for counter, amount in ended.charged)


def price_status(usage: Usage | None, cost: int | None, missing: Iterable[str]) -> PriceStatus:
    """Whether the cost of a usage is known, and whole."""
    if usage is None:
        return "none"
    return "unpriced" if cost is None or missing else "priced"


def ids_of(context: SpanContext | None) -> dict[str, str]:
    """Trace and span, unless there are none."""
    if context is None or not context.is_valid:
        return {}
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


@lru_cache(maxsize=1024)
def paid_by(payer: scope.Scope) -> Mapping[str, str | None]:
    """Who pays, by field; kept, because most calls of a run ask for the same, and not to be changed."""
    prompt = payer.prompt
    return {
        "run": payer.run,
        "request": payer.request,
        "session": payer.session,
        "conversation": payer.conversation,
        "stage": payer.stage or payer.implied_stage,
        "agent": payer.agent,
        "node": payer.implied_stage,
        "workflow": payer.workflow,
        "tenant": payer.tenant,
        "user": payer.user,
        "prompt_name": prompt.name if prompt else None,
        "prompt_version": prompt.version if prompt else None,
        "prompt_hash": prompt.hash if prompt else None,
    }


def of_call(call: Known, facts: Facts, answer: Answer, paid: Paid, maker: Maker = NOBODY) -> Entry:
    """The entry of a call that is over; `maker` is whose it is, unless the recorder says so of all entries."""
    price, usage = paid.price, facts.usage
    said = answer.attributes
    reasons = said.get(names.GEN_AI_RESPONSE_FINISH_REASONS)
    return Entry(
        id=call.id,
        ended=call.began + round(facts.duration * NANO),
        status=status_of(facts.error),
        first_chunk=None if facts.first_chunk is None else call.began + round(facts.first_chunk * NANO),
        response_model=facts.response_model,
        usage=usage,
        cost=facts.cost,
        cost_source=price.source if price else None,
        price_version=price.version or None if price else None,
        price_status=price_status(usage, facts.cost, facts.missing),
        missing=facts.missing,
        estimated=usage is not None and usage.estimated,
        suspect=usage is not None and usage.suspect,
        tier=answer.tier or call.request.tier,
        hold=paid.ended.hold if paid.ended else None,
        charges=charges_of(paid.ended),
        error_type=facts.error,
        attempts=call.attempts,
        finish_reason=",".join(map(str, reasons)) if reasons else None,
        schema_valid=said.get(names.SPANLEDGER_RESPONSE_SCHEMA_VALID),
        remaining_requests=facts.remaining_requests,
        remaining_tokens=facts.remaining_tokens,
        **_common(call, maker),
    )


def of_lost_attempt(call: Known, since: float, until: float, ended: Ended | None, maker: Maker = NOBODY) -> Entry:
    """The entry of an attempt that brought no answer and was perhaps billed; times are seconds since the call began.

    Its cost is what a budget that counts money was charged for it, and unknown where there is none.
    """
    cost = None if ended is None else ended.nano_usd
    common = {**_common(call, maker), "started": call.began + round(since * NANO)}
    return Entry(
        id=f"{call.id}/{call.overs}",
        ended=call.began + round(until * NANO),
        kind="attempt",
        status="lost",
        cost=cost,
        cost_source=None if cost is None else "local",
        price_status="unpriced" if cost is None else "priced",
        estimated=True,
        hold=ended.hold if ended else None,
        charges=charges_of(ended),
        **common,
    )


def _common(call: Known, maker: Maker) -> dict[str, Any]:
    request = call.request
    return {
        "started": call.began,
        "operation": request.operation,
        "provider": request.provider,
        "request_model": request.model,
        "stream": request.stream,
        "cache": call.cache,
        "service": maker.service or None,
        "environment": maker.environment or None,
        **ids_of(call.span.get_span_context()),
        **paid_by(call.payer),
    }
