"""Responses that are made in the background: their usage is known only when they are read again."""

from __future__ import annotations

import threading
from collections import OrderedDict

from opentelemetry.trace import SpanContext

#: Responses remembered that have not been read to their end.
REMEMBERED = 10_000


class Background:
    """The responses that were created in the background and whose usage has not been metered yet."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._waiting: OrderedDict[str, tuple[SpanContext, str | None]] = OrderedDict()
        self._limit = limit
        self._lock = threading.Lock()

    def created(self, response_id: str, span: SpanContext, model: str | None) -> None:
        """A response was created without usage, by the call of this span."""
        with self._lock:
            self._waiting[response_id] = (span, model)
            while len(self._waiting) > self._limit:
                self._waiting.popitem(last=False)

    def waiting(self, response_id: str) -> bool:
        """Whether the usage of a response is still to come."""
        return response_id in self._waiting

    def take(self, response_id: str) -> tuple[SpanContext, str | None] | None:
        """The span that created a response and the model it asked for, once: whoever takes it meters the usage."""
        with self._lock:
            return self._waiting.pop(response_id, None)
