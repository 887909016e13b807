"""The truth: every request that reached the provider, and what it was billed."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from provider.errors import Json
from provider.usage import Tokens

_KEPT = 20_000


@dataclass
class Entry:
    """One request."""

    time: float
    method: str
    path: str
    query: str
    headers: dict[str, str]
    account: str
    body: Any
    model: str = ""
    stream: bool = False
    status: int = 0
    fault: str | None = None
    request_id: str = ""
    response_id: str = ""
    tokens: Tokens | None = None
    """What was billed, at once when the answer was made: who hangs up has spent it. None: nothing."""
    events: int = 0
    """How many events of a stream were sent."""
    finished: bool = False
    """Whether the whole answer was sent."""

    def to_json(self) -> Json:
        """The record as `/_log` shows it."""
        shown = {name: value for name, value in vars(self).items() if name != "tokens"}
        return shown | {"tokens": self.tokens.to_json() if self.tokens else None}


@dataclass
class Books:
    """All requests of one provider; may be read from any thread."""

    _entries: deque[Entry] = field(default_factory=lambda: deque(maxlen=_KEPT))
    _bills: dict[tuple[str, str], tuple[int, Tokens]] = field(default_factory=dict)
    _hits: dict[str, int] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def enter(self, entry: Entry) -> None:
        """A request has come."""
        with self._lock:
            self._entries.append(entry)
            self._hits[entry.account] = self._hits.get(entry.account, 0) + 1

    def bill(self, entry: Entry, tokens: Tokens) -> None:
        """The request costs that."""
        with self._lock:
            entry.tokens = tokens
            requests, sum_ = self._bills.get((entry.account, entry.model), (0, Tokens()))
            self._bills[entry.account, entry.model] = (requests + 1, sum_ + tokens)

    def log(self, account: str | None = None) -> list[Json]:
        """The newest requests, oldest first; of one account only, if told."""
        with self._lock:
            return [entry.to_json() for entry in self._entries if account in (None, entry.account)]

    def total(self, account: str | None = None) -> Json:
        """Requests and tokens billed, in all and by the model the requests named."""
        with self._lock:
            bills = {key: bill for key, bill in self._bills.items() if account in (None, key[0])}
            hits = sum(count for name, count in self._hits.items() if account in (None, name))
        models = sorted({model for _, model in bills})
        by_model = {model: _sum(bill for (_, name), bill in bills.items() if name == model) for model in models}
        return {"hits": hits, **_sum(bills.values()), "by_model": by_model}

    def clear(self) -> None:
        """Start a new page."""
        with self._lock:
            self._entries.clear()
            self._bills.clear()
            self._hits.clear()


def _sum(bills: Iterable[tuple[int, Tokens]]) -> Json:
    pairs = list(bills)
    total = sum((tokens for _, tokens in pairs), Tokens())
    return {"requests": sum(count for count, _ in pairs), **total.to_json()}
