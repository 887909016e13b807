"""Second stage: model calls that no adapter of ours made. Each is covered by another span, or is priced and counted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor

from spanledger import scope
from spanledger.call import SCOPE_NAME
from spanledger.config import Settings
from spanledger.errors import contained
from spanledger.ledger import Keeper
from spanledger.lineage import Lineage
from spanledger.pipeline.content import without_content
from spanledger.pipeline.covered import KINDS, Claim, claim, covered_by, library, set_aside
from spanledger.pipeline.foreign import of_span, settle
from spanledger.pipeline.second_line import SecondLine, payer_of
from spanledger.pipeline.stage import Stage, copied, plain
from spanledger.pricing import PriceBook
from spanledger.semconv import names


class Price(Stage):
    """Settles foreign spans that claim usage, on a copy. Our own come settled and pass unchanged."""

    def __init__(
        self,
        following: SpanProcessor,
        book: PriceBook,
        lineage: Lineage,
        settings: Settings,
        budgets: SecondLine | None = None,
        ledger: Keeper | None = None,
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
        if span.kind in KINDS and (maker := library(span)) != SCOPE_NAME:
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
        """Count the claim; its span tells who pays, what it cost and what budgets were charged."""
        payer = payer_of(claimed)
        told = settle(claimed, self._book, payer)
        if span.context is not None:
            self._lineage.metered(span.context.span_id, told.facts)
        ended = None if self._budgets is None else self._budgets.counted(told.claimed, told.facts.cost)
        if self._ledger is not None:
            self._ledger.record(of_span(told, payer, ended))
        charged = {} if ended is None else ended.attributes()
        said = _without_zero(claimed.attributes)
        return copied(span, {**scope.attributes_of(payer), **said, **told.added, **charged})


def _without_zero(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """The attributes without a cost of 0: ours takes its place, or none where the price is unknown."""
    return {key: value for key, value in attributes.items() if key != names.GEN_AI_USAGE_COST_AMOUNT or value}
