"""What can go wrong, and what becomes of it.

    SpanledgerError                 the base; catch it to catch everything of ours
    ├── ConfigError                 a setting or file cannot be used; says which and what to do
    └── BudgetExceeded              a call was refused; the only exception that reaches an app on purpose

Everything else that fails inside spanledger is contained: logged once, counted, and never seen by the app.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import lru_cache
from types import TracebackType
from typing import ClassVar, Literal

from spanledger import money

log = logging.getLogger("spanledger")

Kind = Literal[
    "exhausted", "too_large", "in_flight", "insufficient", "unpriced", "store_unavailable", "misconfigured"
]  # fmt: skip


class SpanledgerError(RuntimeError):
    """Base of every exception of spanledger. A RuntimeError, because retry policies leave those alone."""


class ConfigError(SpanledgerError):
    """A setting, a file or an argument cannot be used. The message names it and the way out."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call was refused.

    Amounts are whole numbers of `unit` (money in nano-USD), `retry_after` is seconds; None where it has no meaning.
    `scope_value` is whose budget it is (`acme` of `tenant/day`); `detail` says what to do where that is not plain.
    `halted`: every further call of the run is refused, too, until somebody raises its limit or resets it.
    """

    budget: str
    kind: Kind
    window: str = ""
    limit: int | None = None
    committed: int | None = None
    held: int | None = None
    needed: int | None = None
    retry_after: float | None = None
    unit: str = "USD"
    scope_value: str = ""
    detail: str = ""
    halted: bool = False

    def __str__(self) -> str:
        """In one line, for people."""
        whose = f" of {self.scope_value}" if self.scope_value else ""
        figures = [
            f"{name} {self._shown(value)}"
            for name, value in (("needed", self.needed), ("spent", self.committed), ("held", self.held))
            if value is not None
        ]
        if figures and self.limit is not None:
            figures[-1] += f" of {self._shown(self.limit)}"
        parts = (f"budget {self.budget}{whose} refused the call: {self.kind}", ", ".join(figures), self.detail)
        return "; ".join(part for part in parts if part)

    def figures(self) -> dict[str, object]:
        """The facts for machines: money as decimal strings in USD with nine places, other amounts as numbers."""
        amounts = {"limit": self.limit, "spent": self.committed, "held": self.held, "needed": self.needed}
        facts: dict[str, object] = {"budget": self.budget, "kind": self.kind, "unit": self.unit}
        for name, value in amounts.items():
            facts[name] = money.nine_places(value) if value is not None and self.unit == "USD" else value
        return facts

    def _shown(self, value: int) -> str:
        return f"${value / money.NANO:.6f}" if self.unit == "USD" else f"{value} {self.unit}"


class BudgetExceeded(SpanledgerError):  # noqa: N818  the name that the contract promises
    """A budget refused the call; nothing was sent to the provider."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal

    def __reduce__(self) -> tuple[Callable[[Refusal], BudgetExceeded], tuple[Refusal]]:
        """Copies and pickles keep the refusal: workers send exceptions to their parents."""
        return exceeded, (self.refusal,)

    def __getattr__(self, name: str) -> object:
        """`error.budget`, `error.kind` and the other facts of the refusal."""
        if name in Refusal.__slots__:
            return getattr(self.refusal, name)
        raise AttributeError(name)


#: Further bases of the exception of a halt: what frameworks let pass, because it is control flow of their own, where
#: they retry or swallow any other error. The adapters of those frameworks say which.
PASSING: list[type[Exception]] = []


def exceeded(refusal: Refusal) -> BudgetExceeded:
    """The exception of a refusal. That of a halt is also of the kinds that frameworks let pass."""
    return _passing(tuple(PASSING))(refusal) if refusal.halted and PASSING else BudgetExceeded(refusal)


@lru_cache(maxsize=16)
def _passing(bases: tuple[type[Exception], ...]) -> type[BudgetExceeded]:
    said = {"__module__": BudgetExceeded.__module__, "__doc__": BudgetExceeded.__doc__}
    return type(BudgetExceeded.__name__, (BudgetExceeded, *bases), said)


class Refused(BaseException):
    """A budget refused an attempt. Clients retry and wrap every `Exception`, so until it is above them it is none."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(str(refusal))
        self.refusal = refusal


def type_name(error: BaseException) -> str:
    """The class of an error, as `error.type` has it; ours under the name that users import."""
    if isinstance(error, (BudgetExceeded, Refused)):
        return "spanledger.BudgetExceeded"
    if isinstance(named := getattr(error, "error_type", None), str):
        return named
    kind = type(error)
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"


class Contained(AbstractContextManager[None]):
    """`with contained("openai"):` our failure inside the block is logged once, counted and swallowed.

    `counts` holds how often each (component, exception class) failed, for the `spanledger.errors` metric.
    """

    counts: ClassVar[Counter[tuple[str, str]]] = Counter()

    def __init__(self, component: str) -> None:
        self._component = component

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool:
        if error is None or not isinstance(error, Exception) or isinstance(error, BudgetExceeded):
            return False
        failed(self._component, error)
        return True


def failed(component: str, error: BaseException) -> None:
    """Count a failure of ours, and log it with its traceback the first time it happens."""
    key = (component, type(error).__qualname__)
    Contained.counts[key] += 1
    if Contained.counts[key] == 1:
        log.warning("spanledger %s failed and goes on without: %r", component, error, exc_info=error)


@lru_cache(maxsize=256)
def contained(component: str) -> Contained:
    """A block in which our failures are contained, as `Contained` says. It has no state, so one serves everybody."""
    return Contained(component)
