"""A call that only a span of somebody else's instrumentation tells of: what it cost, and its entry in the ledger.

The processor of an app and the service that spans are exported to settle it by the same rules.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import StatusCode

from spanledger.guard import Ended
from spanledger.ledger import Entry, Maker
from spanledger.ledger.entry import NOBODY
from spanledger.lineage import Booked, Facts
from spanledger.money import NANO
from spanledger.pipeline.covered import Claim
from spanledger.posting import charges_of, ids_of, paid_by, price_status, status_of
from spanledger.pricing import Price, PriceBook
from spanledger.pricing.attributes import price_attributes, price_told, settled
from spanledger.scope import Scope
from spanledger.semconv import names


class Settled(NamedTuple):
    """A claim that counts: `price` is None where nobody knows it, `added` what its span is to say besides."""

    claimed: Claim
    facts: Facts
    price: Price | None
    added: Mapping[str, Any]

    def booked(self, trace: int) -> Booked:
        """What is remembered of it."""
        claimed = self.claimed
        return Booked(claimed.library, trace, claimed.usage, claimed.span.start_time or 0, claimed.span.end_time or 0)


def settle(claimed: Claim, book: PriceBook, payer: Scope) -> Settled:
    """Count a claim, at the cost that its span tells or else at ours; a sum is an estimate."""
    if claimed.is_sum:
        claimed = replace(claimed, usage=replace(claimed.usage, estimated=True))
    added: dict[str, Any] = {names.SPANLEDGER_USAGE_ESTIMATED: True} if claimed.usage.estimated else {}
    if settled(claimed.found):
        price = price_told(claimed.found)
    else:
        price = _price(claimed, book)
        added |= price_attributes(price, book.version)
    return Settled(claimed, _facts(claimed, price, payer), price, added)


def _price(claimed: Claim, book: PriceBook) -> Price | None:
    """By the model that answered, or else by the one that was asked."""
    found = claimed.found
    at = datetime.fromtimestamp(_ended(claimed.span) / NANO, UTC)
    tier = _text(found.get(names.OPENAI_RESPONSE_SERVICE_TIER))
    models = (found.get(names.GEN_AI_RESPONSE_MODEL), found.get(names.GEN_AI_REQUEST_MODEL))
    prices = (
        book.price(claimed.usage, provider=_provider(found), model=str(model), at=at, tier=tier)
        for model in models
        if model
    )
    return next(filter(None, prices), None)


def _provider(found: Mapping[str, Any]) -> str:
    return str(found.get(names.GEN_AI_PROVIDER_NAME, "openai"))


def _ended(span: ReadableSpan) -> int:
    return span.end_time or time.time_ns()


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


#: The error of a span that failed and does not say how, as the conventions have it.
_FAILED = "_OTHER"


def _facts(claimed: Claim, price: Price | None, payer: Scope) -> Facts:
    found, span = claimed.found, claimed.span
    ended = _ended(span)
    return Facts(
        operation=str(found.get(names.GEN_AI_OPERATION_NAME, "unknown")),
        provider=_provider(found),
        request_model=_text(found.get(names.GEN_AI_REQUEST_MODEL)),
        response_model=_text(found.get(names.GEN_AI_RESPONSE_MODEL)),
        usage=claimed.usage,
        cost=price.nano_usd if price else None,
        missing=price.missing if price else (),
        stage=payer.stage or payer.implied_stage,
        tenant=payer.tenant,
        duration=(ended - (span.start_time or ended)) / NANO,
        error=_text(found.get(names.ERROR_TYPE)) or (_FAILED if span.status.status_code is StatusCode.ERROR else None),
        response_id=_text(found.get(names.GEN_AI_RESPONSE_ID)),
    )


def of_span(told: Settled, payer: Scope, ended: Ended | None, maker: Maker = NOBODY) -> Entry:
    """Its entry. Its id is that of trace and span: told twice, by whoever exports it again, it is the same call."""
    claimed, facts, price, _ = told
    span, found = claimed.span, claimed.found
    ids: dict[str, Any] = dict(ids_of(span.context))
    said: dict[str, Any] = {**paid_by(payer), **_named(found)}
    finished = span.end_time or 0
    reasons = found.get(names.GEN_AI_RESPONSE_FINISH_REASONS)
    return Entry(
        id=":".join(ids.values()),
        started=span.start_time or finished,
        ended=finished,
        operation=facts.operation,
        provider=facts.provider,
        status=status_of(facts.error),
        request_model=facts.request_model,
        response_model=facts.response_model,
        usage=facts.usage,
        cost=facts.cost,
        cost_source=price.source if price else None,
        price_version=price.version or None if price else None,
        price_status=price_status(facts.usage, facts.cost, facts.missing),
        missing=facts.missing,
        estimated=claimed.usage.estimated,
        suspect=claimed.usage.suspect,
        tier=_text(found.get(names.OPENAI_RESPONSE_SERVICE_TIER)),
        hold=ended.hold if ended else None,
        charges=charges_of(ended),
        error_type=facts.error,
        finish_reason=",".join(map(str, reasons)) if isinstance(reasons, (list, tuple)) else None,
        stream=found.get(names.GEN_AI_REQUEST_STREAM) is True,
        service=maker.service or None,
        environment=maker.environment or None,
        **ids,
        **said,
    )


def _named(found: Mapping[str, Any]) -> dict[str, str]:
    """What the span says itself of who pays."""
    said = {"agent": found.get(names.GEN_AI_AGENT_NAME), "conversation": found.get(names.GEN_AI_CONVERSATION_ID)}
    return {key: str(value) for key, value in said.items() if value is not None}
