"""A call that an adapter of ours metered, as its span tells of it: the same entries as in the process that made it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import Event, ReadableSpan

from spanledger import posting
from spanledger.budget.store import Counter
from spanledger.call import SCOPE_NAME
from spanledger.guard import Ended
from spanledger.ledger import Entry, Maker
from spanledger.lineage import Facts
from spanledger.messages import Answer, Request
from spanledger.money import NANO
from spanledger.pipeline.covered import library
from spanledger.pricing import Price
from spanledger.scope import Scope
from spanledger.semconv import names
from spanledger.service.intake.reading import Told
from spanledger.usage import from_attributes

_LIMITS = (names.SPANLEDGER_RATELIMIT_REMAINING_REQUESTS, names.SPANLEDGER_RATELIMIT_REMAINING_TOKENS)


class Retold(NamedTuple):
    """A call of another process."""

    id: str
    request: Request
    span: ReadableSpan
    payer: Scope
    began: int
    attempts: int
    overs: int = 0
    cache: str | None = None


def call_id(one: Told) -> str | None:
    """The id of the call that the span is of; None where it is none of ours."""
    found = one.attributes.get(names.SPANLEDGER_CALL_ID)
    return found if isinstance(found, str) and found and library(one.span) == SCOPE_NAME else None


def facts_of(one: Told, payer: Scope, price: Price | None) -> Facts:
    """What is known of the call."""
    span, said = one.span, one.attributes
    began = span.start_time or 0
    return Facts(
        operation=_text(said, names.GEN_AI_OPERATION_NAME) or "unknown",
        provider=_text(said, names.GEN_AI_PROVIDER_NAME) or "unknown",
        request_model=_text(said, names.GEN_AI_REQUEST_MODEL),
        response_model=_text(said, names.GEN_AI_RESPONSE_MODEL),
        stage=payer.stage,
        tenant=payer.tenant,
        usage=from_attributes(said),
        cost=price.nano_usd if price else None,
        missing=price.missing if price else (),
        duration=((span.end_time or began) - began) / NANO,
        first_chunk=_seconds(said, names.GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK),
        error=_text(said, names.ERROR_TYPE),
        remaining_requests=_count(said, _LIMITS[0]),
        remaining_tokens=_count(said, _LIMITS[1]),
        response_id=_text(said, names.GEN_AI_RESPONSE_ID),
    )


def entries(id_: str, one: Told, facts: Facts, payer: Scope, price: Price | None) -> Iterator[Entry]:
    """The call's entry, and one for each attempt that was lost."""
    span, said = one.span, one.attributes
    request = Request(
        facts.operation,
        facts.provider,
        facts.request_model,
        stream=said.get(names.GEN_AI_REQUEST_STREAM) is True,
        tier=_text(said, names.OPENAI_REQUEST_SERVICE_TIER),
    )
    reasons = said.get(names.GEN_AI_RESPONSE_FINISH_REASONS)
    valid = said.get(names.SPANLEDGER_RESPONSE_SCHEMA_VALID)
    answer = Answer(
        tier=_text(said, names.OPENAI_RESPONSE_SERVICE_TIER),
        attributes={
            names.GEN_AI_RESPONSE_FINISH_REASONS: reasons if isinstance(reasons, tuple) else None,
            names.SPANLEDGER_RESPONSE_SCHEMA_VALID: valid if isinstance(valid, bool) else None,
        },
    )
    cache = _MISS if said.get(names.SPANLEDGER_CACHE_RESULT) == _MISS else None
    call = Retold(id_, request, span, payer, _began(id_, span), _attempts(one.events), cache=cache)
    yield posting.of_call(call, facts, answer, posting.Paid(price, ended(said, facts.cost)), one.maker)
    for event in one.events:
        if event.name == names.EVENT_SPANLEDGER_ATTEMPT_LOST:
            yield _lost(call, event, one.maker)


_MISS = names.SPANLEDGER_CACHE_RESULT_MISS


def _attempts(events: Iterable[Event]) -> int:
    """How many there were: one more than failed."""
    failed = [
        _count(event.attributes or {}, names.SPANLEDGER_ATTEMPT_NUMBER) or 0
        for event in events
        if event.name == names.EVENT_SPANLEDGER_ATTEMPT_FAILED
    ]
    return 1 + min(max(failed, default=0), len(failed))


def _lost(call: Retold, event: Event, maker: Maker) -> Entry:
    said: Mapping[str, Any] = event.attributes or {}
    at = min(max(event.timestamp, call.began), call.span.end_time or call.began)  # its time is anybody's word
    until = (at - call.began) / NANO
    since = max(0.0, until - (_seconds(said, names.SPANLEDGER_ATTEMPT_DURATION) or 0.0))
    number = _count(said, names.SPANLEDGER_ATTEMPT_NUMBER) or 0
    retold = call._replace(attempts=1, overs=number)
    charged = _seconds(said, names.SPANLEDGER_BUDGET_CHARGED)
    cost = None if charged is None else round(charged * NANO)
    return posting.of_lost_attempt(retold, since, until, ended(said, cost), maker)


def _began(id_: str, span: ReadableSpan) -> int:
    """When the app asked: ids of ours begin with it."""
    try:
        found = int(id_[:16], 16)
    except ValueError:
        found = 0
    began = span.start_time or 0
    return found if abs(found - began) < NANO else began


def ended(said: Mapping[str, Any], cost: int | None) -> Ended | None:
    """What a span or event says that counters of budgets were charged."""
    hold, charges = said.get(names.SPANLEDGER_BUDGET_HOLD), said.get(names.SPANLEDGER_BUDGET_CHARGES)
    if not isinstance(hold, str) or not isinstance(charges, tuple):
        return None
    found = [charge for text in charges if (charge := _charge(text)) is not None]
    return Ended(hold, tuple(found), cost)


def _charge(text: object) -> tuple[Counter, int] | None:
    try:
        *counter, amount = json.loads(text if isinstance(text, str) else "")
        found, whole = Counter(*counter), "".join(counter).encode()
    except (ValueError, TypeError, RecursionError):
        return None
    if b"\0" in whole or type(amount) is not int or not 0 <= amount < _MOST:
        return None
    return found, amount


#: Of a charge, in the smallest unit: what a database takes, and sums of it too.
_MOST = 10**15


def _text(said: Mapping[str, Any], key: str) -> str | None:
    value = said.get(key)
    return None if value is None else str(value)


def _count(said: Mapping[str, Any], key: str) -> int | None:
    value = said.get(key)
    return value if type(value) is int else None


def _seconds(said: Mapping[str, Any], key: str) -> float | None:
    value = said.get(key)
    return float(value) if isinstance(value, (int, float)) and 0 <= value < _LONG else None


#: Seconds that nothing takes.
_LONG = 1e8
