"""Responses that are made in the background: their usage is known only when they are read again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from dataclasses import dataclass

from opentelemetry.trace import SpanContext

from spanledger.call import Call
from spanledger.scope import Scope

#: Responses remembered that have not been read to their end.
REMEMBERED = 10_000


@dataclass(frozen=True, slots=True)
class Created:
    """Who created a response, who pays for it, and the model it asked for."""

    span: SpanContext
    payer: Scope
    model: str | None

    @classmethod
    def by(cls, call: Call) -> Created:
        """As a call knows it."""
        return cls(call.span.get_span_context(), call.payer, call.request.model)


class Background:
    """The responses that were created in the background and whose usage has not been metered yet."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._waiting: OrderedDict[str, Created] = OrderedDict()
        self._limit = limit
        self._lock = threading.Lock()

    def created(self, response_id: str, created: Created) -> None:
        """A response was created without usage."""
        with self._lock:
            self._waiting[response_id] = created
            while len(self._waiting) > self._limit:
                self._waiting.popitem(last=False)

    def waiting(self, response_id: str) -> bool:
        """Whether the usage of a response is still to come."""
        return response_id in self._waiting

    def take(self, response_id: str) -> Created | None:
        """What is known of a response, once: whoever takes it meters the usage."""
        with self._lock:
            return self._waiting.pop(response_id, None)
