"""LangChain's caches of answers: each time that one is asked is an event, and calls that it could not spare say so.

Whoever sets a cache, for all models or for one, its class is derived from `BaseCache`: the lookups of those classes are
wrapped, of any that is defined later too. A cache that asks another one is asked once.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from inspect import isfunction
from types import ModuleType
from typing import Any, TypeVar

from spanledger import caching
from spanledger.call import Calls
from spanledger.errors import contained
from spanledger_instrumentation.wrapped import Wrapped

T = TypeVar("T")
Args = tuple[Any, ...]
Kwargs = dict[str, Any]
Async = Callable[..., Awaitable[Any]]

#: What events and metrics call them.
LAYER = "langchain"
_HOOK = "__init_subclass__"
_safely = contained("langchain-core")
_asking: ContextVar[bool] = ContextVar("spanledger_langchain_cache", default=False)


class Caches:
    """The wrappers around caches, and around what asks them."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls
        self._undo: list[Callable[[], None]] = []

    def watch(self, caches: ModuleType) -> None:
        """Wrap the lookups of all caches, of those to come as they are defined."""
        base: Any = caches.BaseCache

        def defined(cls: Any, /, **kwargs: Any) -> None:
            super(base, cls).__init_subclass__(**kwargs)
            with _safely:
                self._wrap(cls)

        if _HOOK not in vars(base):  # else another adapter looks out for new ones already
            setattr(base, _HOOK, classmethod(defined))
            self._undo.append(lambda: delattr(base, _HOOK))
        for cls in _below(base):
            self._wrap(cls)

    def leave(self) -> None:
        """Put everything back."""
        while self._undo:
            self._undo.pop()()

    def _wrap(self, cls: type) -> None:
        for name, wrapper in (("lookup", self._lookup), ("alookup", self._async_lookup)):
            original = vars(cls).get(name)
            if isfunction(original):
                setattr(cls, name, Wrapped(original, wrapper))
                self._undo.append(lambda name=name, original=original: setattr(cls, name, original))  # type: ignore[misc]

    def _lookup(self, wrapped: Callable[..., T], _instance: Any, args: Args, kwargs: Kwargs) -> T:
        with _outermost() as outermost:
            answer = wrapped(*args, **kwargs)
        if outermost:
            self._asked(answer)
        return answer

    async def _async_lookup(self, wrapped: Async, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
        with _outermost() as outermost:
            answer = await wrapped(*args, **kwargs)
        if outermost:
            self._asked(answer)
        return answer

    def _asked(self, answer: object) -> None:
        """LangChain takes a list for an answer, and asks the model for anything else."""
        with _safely:
            hit = isinstance(answer, list)
            caching.asked(self._calls, LAYER, hit)
            if not hit:
                caching.missed()

    def answering(self, wrapped: Callable[..., T], _instance: Any, args: Args, kwargs: Kwargs) -> T:
        """A model is about to answer, after its cache was asked if it has one."""
        with caching.lookup():
            return wrapped(*args, **kwargs)

    async def async_answering(self, wrapped: Async, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
        """The same of an async model."""
        with caching.lookup():
            return await wrapped(*args, **kwargs)


@contextmanager
def _outermost() -> Iterator[bool]:
    """While a cache is asked; whether it is not another cache that asks it."""
    outermost = not _asking.get()
    token = _asking.set(True)
    try:
        yield outermost
    finally:
        _asking.reset(token)


def _below(cls: type) -> Iterator[type]:
    derived: type
    for derived in cls.__subclasses__():
        yield derived
        yield from _below(derived)
