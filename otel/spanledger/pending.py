"""Work that one call begins and another one ends, in whatever process: who pays, what links them, what was held."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from opentelemetry.trace import SpanContext, TraceFlags

from spanledger.budget.notes import MemoryNotes, Notes
from spanledger.budget.store import Store, StoreError
from spanledger.errors import failed
from spanledger.scope import Prompt, Scope

T = TypeVar("T")

#: Seconds that such work is remembered, and that its hold lives: providers keep what came of it for 30 days at most
#: (platform.openai.com, "Batch API" and "Background mode"; docs.claude.com, "Batch processing": 29 days).
LIVES = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Pending:
    """Work that is under way at the provider.

    `holds` are what was held for it by the name of the model asked for, as `Admission.defer` gave them; `span` is the
    call that began it, where there was one.
    """

    payer: Scope
    model: str | None = None
    span: SpanContext | None = None
    holds: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, text: str | None) -> Pending | None:
        """Reads back what `text` wrote; None out of nothing, and out of what somebody else wrote."""
        try:
            found: dict[str, Any] = json.loads(text or "")
            payer, span = dict(found["payer"]), found["span"]
            if payer.get("prompt") is not None:
                payer["prompt"] = Prompt(**payer["prompt"])
            holds = tuple((str(model), str(held)) for model, held in found["holds"])
            return cls(Scope(**payer), found["model"], span and _linked(*span), holds)
        except (ValueError, TypeError, KeyError):
            return None

    @property
    def text(self) -> str:
        """As one string."""
        payer = {name: value for name, value in asdict(self.payer).items() if value is not None}
        span = self.span and [f"{self.span.trace_id:032x}", f"{self.span.span_id:016x}", int(self.span.trace_flags)]
        found = {"payer": payer, "model": self.model, "span": span, "holds": self.holds}
        return json.dumps(found, separators=(",", ":"))


def _linked(trace_id: str, span_id: str, flags: int) -> SpanContext:
    return SpanContext(int(trace_id, 16), int(span_id, 16), is_remote=True, trace_flags=TraceFlags(flags))


class Remembered:
    """Notes that never fail: without a store, and while it cannot be used, this process remembers by itself."""

    def __init__(self, store: Store | None = None) -> None:
        self._own = MemoryNotes(time.time)
        self._shared: Notes = self._own if store is None else store.notes

    def put(self, key: str, value: str) -> None:
        """Remember a value under this key, for as long as providers remember."""
        try:
            self._shared.put(key, value, LIVES)
        except StoreError as error:
            failed("store", error)
            self._own.put(key, value, LIVES)

    def peek(self, key: str) -> str | None:
        """What stands under the key."""
        return self._own.peek(key) or self._tried(lambda notes: notes.peek(key))

    def take(self, key: str) -> str | None:
        """What stands under the key, once."""
        return self._own.take(key) or self._tried(lambda notes: notes.take(key))

    def first(self, keys: Collection[str]) -> set[str]:
        """Those of these keys that nobody named before."""
        own = self._own.first(keys, LIVES)
        if self._shared is self._own:
            return own
        found = self._tried(lambda notes: notes.first(own, LIVES))
        return own if found is None else found

    def _tried(self, what: Callable[[Notes], T]) -> T | None:
        try:
            return what(self._shared)
        except StoreError as error:
            failed("store", error)
            return None
