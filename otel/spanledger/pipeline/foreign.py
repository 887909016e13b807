"""The entry in the ledger of a call that only a span of somebody else's instrumentation tells of."""

from __future__ import annotations

from typing import Any

from spanledger.ledger import Entry
from spanledger.lineage import Facts
from spanledger.pipeline.covered import Claim
from spanledger.pipeline.second_line import payer_of
from spanledger.posting import Paid, charges_of, ids_of, paid_by, price_status, status_of
from spanledger.semconv import names


def of_span(claimed: Claim, facts: Facts, paid: Paid) -> Entry:
    """Its id is that of trace and span: told twice, by whoever exports it again, it is the same call."""
    span, found, price, ended = claimed.span, claimed.found, paid.price, paid.ended
    ids: dict[str, Any] = dict(ids_of(span.context)) if span.context is not None else {}
    finished = span.end_time or 0
    said: dict[str, Any] = {**paid_by(payer_of(claimed)), **{k: v for k, v in _named(claimed).items() if v is not None}}
    reasons = found.get(names.GEN_AI_RESPONSE_FINISH_REASONS)
    told = facts.cost is not None and price is None
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
        cost_source="provider" if told else price.source if price else None,
        price_version=price.version if price else None,
        price_status=price_status(facts.usage, facts.cost, facts.missing),
        missing=facts.missing,
        estimated=claimed.usage.estimated,
        suspect=claimed.usage.suspect,
        tier=found.get(names.OPENAI_RESPONSE_SERVICE_TIER),
        hold=ended.hold if ended else None,
        charges=charges_of(ended),
        error_type=facts.error,
        finish_reason=",".join(map(str, reasons)) if isinstance(reasons, (list, tuple)) else None,
        stream=found.get(names.GEN_AI_REQUEST_STREAM) is True,
        **ids,
        **said,
    )


def _named(claimed: Claim) -> dict[str, Any]:
    """What the span says itself of who pays."""
    found = claimed.found
    return {
        "agent": found.get(names.GEN_AI_AGENT_NAME),
        "conversation": found.get(names.GEN_AI_CONVERSATION_ID),
    }
