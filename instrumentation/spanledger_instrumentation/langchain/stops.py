"""What a graph that is running knows of halts, and what its span says of one."""

from __future__ import annotations

import weakref
from typing import Any

from opentelemetry.trace import Span

from spanledger.admission import halt_attributes
from spanledger.errors import BudgetExceeded, Refusal
from spanledger.semconv import names


class Halt(str):
    """The reason that a graph is given to drain; LangGraph hands it back with the exception that ends the graph."""

    __slots__ = ("refusal",)

    refusal: Refusal

    @classmethod
    def of(cls, refusal: Refusal) -> Halt:
        """The reason that a refusal is."""
        made = cls(refusal)
        made.refusal = refusal
        return made


class Stop:
    """One graph as it runs. `run` pays for it; `refusal` is the halt of that run that a call inside of it met."""

    __slots__ = ("_control", "_loop", "refusal", "run")

    def __init__(self, loop: Any, run: str | None = None) -> None:
        self._loop = weakref.ref(loop)
        self._control = getattr(loop, "control", None)
        self.run = run
        self.refusal: Refusal | None = None

    def drain(self, refusal: Refusal) -> None:
        """Ask the graph to end before its next nodes begin, unless somebody has asked already."""
        if self._control is not None and not self._control.drain_requested:
            self._control.request_drain(Halt.of(refusal))

    def next_nodes(self) -> list[str]:
        """The nodes that a resumed graph begins with."""
        tasks = getattr(self._loop(), "tasks", None) or {}
        return sorted({str(task.name) for task in tasks.values() if not task.writes})


def halt_of(error: BaseException | None) -> Refusal | None:
    """The refusal that an exception is about: ours, or the end of a graph that we asked to drain."""
    if isinstance(error, BudgetExceeded):
        return error.refusal
    reason = getattr(error, "reason", None)
    return reason.refusal if isinstance(reason, Halt) else None


def tell(span: Span, refusal: Refusal, stop: Stop) -> None:
    """Say on the span of a graph why it ended, and where it would go on."""
    attributes = {**halt_attributes(refusal), names.SPANLEDGER_BUDGET_NEXT_NODES: stop.next_nodes()}
    span.add_event(names.EVENT_SPANLEDGER_BUDGET_HALT, attributes)
