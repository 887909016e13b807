"""Second stage: model calls that no adapter of ours made. Each is covered by another span, or is priced and counted."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor
from opentelemetry.trace import SpanKind

from spanledger import scope
from spanledger.call import SCOPE_NAME
from spanledger.config import Settings
from spanledger.errors import contained
from spanledger.ledger import Recorder
from spanledger.lineage import Facts, Lineage
from spanledger.pipeline.content import without_content
from spanledger.pipeline.covered import Claim, claim, covered_by, library, set_aside
from spanledger.pipeline.foreign import of_span
from spanledger.pipeline.second_line import SecondLine
from spanledger.pipeline.stage import Stage, copied, plain
from spanledger.posting import Paid
from spanledger.pricing import Price as Priced
from spanledger.pricing import PriceBook
from spanledger.pricing.attributes import NANO, price_attributes
from spanledger.semconv import names

_KINDS = (SpanKind.CLIENT, SpanKind.INTERNAL)


class Price(Stage):
    """Settles foreign spans that claim usage, on a copy. Our own come settled and pass unchanged."""

    def __init__(
        self,
        following: SpanProcessor,
        book: PriceBook,
        lineage: Lineage,
        settings: Settings,
        budgets: SecondLine | None = None,
        ledger: Recorder | None = None,
    ) -> None:
        super().__init__(following)
        self._ledger = ledger
        self._budgets = budgets
        self._book = book
        self._lineage = lineage
        self._keep = settings.covered == "keep"
        self._content = settings.capture_content == "span"

    def on_end(self, span: ReadableSpan) -> None:
        """Settle the span if it is foreign and claims usage."""
        settled = span
        if span.kind in _KINDS and (maker := library(span)) != SCOPE_NAME:
            with contained("pipeline"):
                settled = span if self._content else without_content(span, maker)
                settled = self._foreign(settled, plain(settled.attributes))
        self.pass_end(settled)

    def _foreign(self, span: ReadableSpan, attributes: Mapping[str, Any]) -> ReadableSpan:
        claimed = claim(span, attributes, self._lineage)
        if claimed is None:
            return span
        by = covered_by(claimed, self._lineage)
        if by is not None:
            return copied(span, set_aside(attributes, by, keep=self._keep))
        return self._counted(span, claimed)

    def _counted(self, span: ReadableSpan, claimed: Claim) -> ReadableSpan:
        """Count the claim, at the cost that it tells or else at ours.

        A told cost of 0 is not believed, as with providers: instrumentations write it where they know no price.
        """
        usage = replace(claimed.usage, estimated=True) if claimed.is_sum else claimed.usage
        claimed = replace(claimed, usage=usage)
        added: dict[str, Any] = {names.SPANLEDGER_USAGE_ESTIMATED: True} if usage.estimated else {}
        price: Priced | None = None
        missing: tuple[str, ...] = ()
        if claimed.found.get(names.GEN_AI_USAGE_COST_AMOUNT, 0) != 0:
            cost = _told(claimed.found)
        else:
            price = self._price(claimed)
            cost, missing = (price.nano_usd, price.missing) if price else (None, ())
            added |= price_attributes(price, self._book.version)
        facts = _facts(claimed, cost, missing)
        if span.context is not None:
            self._lineage.metered(span.context.span_id, facts)
        ended = None if self._budgets is None else self._budgets.counted(claimed, cost)
        if self._ledger is not None:
            self._ledger.record(of_span(claimed, facts, Paid(price, ended)))
        return copied(span, {**_without_zero(claimed.attributes), **added}) if added else span

    def _price(self, claimed: Claim) -> Priced | None:
        """By the model that answered, or else by the one that was asked."""
        found = claimed.found
        at = datetime.fromtimestamp(_ended(claimed.span) / NANO, UTC)
        tier = found.get(names.OPENAI_RESPONSE_SERVICE_TIER)
        models = (found.get(names.GEN_AI_RESPONSE_MODEL), found.get(names.GEN_AI_REQUEST_MODEL))
        prices = (
            self._book.price(claimed.usage, provider=_provider(found), model=str(model), at=at, tier=tier)
            for model in models
            if model
        )
        return next(filter(None, prices), None)


def _without_zero(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes without a cost of 0: ours takes its place, or none where the price is unknown."""
    return {key: value for key, value in attributes.items() if key != names.GEN_AI_USAGE_COST_AMOUNT or value}


def _told(found: Mapping[str, Any]) -> int | None:
    """The cost in nano-USD that a span came with; None where it is in another currency or no amount."""
    amount = found[names.GEN_AI_USAGE_COST_AMOUNT]
    if found.get(names.GEN_AI_USAGE_COST_CURRENCY, "USD") != "USD" or not isinstance(amount, (int, float)):
        return None
    return round(amount * NANO) if math.isfinite(amount) and amount >= 0 else None


def _provider(found: Mapping[str, Any]) -> str:
    return str(found.get(names.GEN_AI_PROVIDER_NAME, "openai"))


def _ended(span: ReadableSpan) -> int:
    return span.end_time or time.time_ns()


def _facts(claimed: Claim, cost: int | None, missing: tuple[str, ...]) -> Facts:
    found, span = claimed.found, claimed.span
    payer = claimed.node.payer if claimed.node else scope.EMPTY
    ended = _ended(span)
    return Facts(
        operation=str(found.get(names.GEN_AI_OPERATION_NAME, "unknown")),
        provider=_provider(found),
        request_model=found.get(names.GEN_AI_REQUEST_MODEL),
        response_model=found.get(names.GEN_AI_RESPONSE_MODEL),
        usage=claimed.usage,
        cost=cost,
        missing=missing,
        stage=payer.stage or payer.implied_stage,
        tenant=payer.tenant,
        duration=(ended - (span.start_time or ended)) / NANO,
        error=found.get(names.ERROR_TYPE),
        response_id=found.get(names.GEN_AI_RESPONSE_ID),
    )
