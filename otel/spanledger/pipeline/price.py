"""Second stage: puts a cost on model calls that no adapter of ours made."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import SpanKind

from spanledger import scope
from spanledger.errors import contained
from spanledger.lineage import Facts, Lineage
from spanledger.pipeline.stage import Stage, copied, plain
from spanledger.pricing import PriceBook
from spanledger.pricing.attributes import price_attributes
from spanledger.semconv import aliases, names
from spanledger.usage import from_attributes

#: Operations whose tokens are those of one call. Sums on agents and workflows are not.
INFERENCE = frozenset({"chat", "text_completion", "generate_content", "embeddings"})


def _may_be_call(kind: SpanKind, attributes: Mapping[str, Any]) -> bool:
    """Calls are CLIENT spans; only OpenInference makes them INTERNAL, where others put the sums of agents."""
    return kind is SpanKind.CLIENT or aliases.OPENINFERENCE_KIND in attributes


class Price(Stage):
    """Prices a foreign span with usage and no cost, on a copy. Our own calls come priced and pass unchanged."""

    def __init__(self, following: SpanProcessor, book: PriceBook, lineage: Lineage) -> None:
        super().__init__(following)
        self._book = book
        self._lineage = lineage

    def on_end(self, span: ReadableSpan) -> None:
        """Price the span if it is a call that nobody has priced."""
        priced = span
        if span.kind not in (SpanKind.CLIENT, SpanKind.INTERNAL):
            super().on_end(span)
            return
        with contained("pipeline"):
            attributes = plain(span.attributes)
            if _may_be_call(span.kind, attributes) and names.SPANLEDGER_CALL_ID not in attributes:
                priced = self._foreign(span, attributes)
        super().on_end(priced)

    def _foreign(self, span: ReadableSpan, attributes: Mapping[str, Any]) -> ReadableSpan:
        found = aliases.canonical(attributes, getattr(span.instrumentation_scope, "name", None))
        if found.get(names.GEN_AI_OPERATION_NAME) not in INFERENCE:
            return span
        usage = from_attributes(found)
        if usage is None or names.GEN_AI_USAGE_COST_AMOUNT in found or span.context is None:
            return span
        node = self._lineage.open(span.context.span_id)
        if node is not None and (node.input or node.output):
            return span
        provider = str(found.get(names.GEN_AI_PROVIDER_NAME, "openai"))
        request_model = found.get(names.GEN_AI_REQUEST_MODEL)
        model = found.get(names.GEN_AI_RESPONSE_MODEL) or request_model
        ended = span.end_time or time.time_ns()
        price = None
        if model:
            at = datetime.fromtimestamp(ended / 1e9, UTC)
            tier = found.get(names.OPENAI_RESPONSE_SERVICE_TIER)
            price = self._book.price(usage, provider=provider, model=str(model), at=at, tier=tier)
        payer = node.payer if node else scope.EMPTY
        facts = Facts(
            operation=str(found[names.GEN_AI_OPERATION_NAME]),
            provider=provider,
            request_model=request_model,
            response_model=found.get(names.GEN_AI_RESPONSE_MODEL),
            usage=usage,
            cost=price.nano_usd if price else None,
            missing=price.missing if price else (),
            stage=payer.stage or payer.implied_stage,
            tenant=payer.tenant,
            duration=(ended - (span.start_time or ended)) / 1e9,
            error=found.get(names.ERROR_TYPE),
        )
        self._lineage.metered(span.context.span_id, facts)
        return copied(span, {**attributes, **price_attributes(price, self._book.version)})
