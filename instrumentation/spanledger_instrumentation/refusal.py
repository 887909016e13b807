"""How a refusal gets out of a library that would retry it, or wrap it into an error of its own.

Such libraries catch `Exception` around each attempt. Where we stand above one, at a door, a refusal below leaves as a
`BaseException` that nobody catches, and becomes `BudgetExceeded` again at the door. Where nobody of ours stands above,
it is `BudgetExceeded` from the beginning: an app must be able to catch what it gets.
"""

from __future__ import annotations

from contextvars import ContextVar
from types import TracebackType
from typing import NoReturn

from spanledger.errors import Refusal, Refused, exceeded


class Door:
    """A place above a library's retries, for as long as its block lasts; of doors within doors the outermost counts.

    What was begun inside and outlives the block finds the door shut.
    """

    def __enter__(self) -> Door:
        self.open = True
        self._outer = _DOOR.get()
        _DOOR.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        self.open = False
        if _DOOR.get() is self:  # a coroutine closed by somebody else leaves in a foreign context
            _DOOR.set(self._outer)
        if isinstance(error, Refused) and not (self._outer is not None and self._outer.open):
            raise exceeded(error.refusal) from None


_DOOR: ContextVar[Door | None] = ContextVar("spanledger_door", default=None)


def refuse(refusal: Refusal) -> NoReturn:
    """Refuse a call that is about to be sent.

    Raises:
        BudgetExceeded: To the app, or to whoever is above a client's retry loop.
        Refused: To the door above.
    """
    door = _DOOR.get()
    if door is not None and door.open:
        raise Refused(refusal) from None
    raise exceeded(refusal) from None
