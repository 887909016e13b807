"""A wrapped function that an app can copy, compare and pickle as it could before.

wrapt leaves copying and pickling to its subclasses, and refuses both. But apps do it: with `retriever.invoke` handed to
a pool of processes, with a tool's `run` in a dataclass that is turned into a dict.
"""

from __future__ import annotations

import copy
import functools
import sys
from typing import TYPE_CHECKING, Any

import wrapt

if TYPE_CHECKING:
    _Function = wrapt.FunctionWrapper[..., Any]
    _BoundFunction = wrapt.BoundFunctionWrapper[..., Any]
else:
    _Function, _BoundFunction = wrapt.FunctionWrapper, wrapt.BoundFunctionWrapper


def _reference(function: Any) -> Any:
    """What `pickle` keeps of a function: where to find it. What is found there may be wrapped or not."""
    *owners, name = function.__qualname__.split(".")
    if not owners:
        return name
    return getattr, (functools.reduce(getattr, owners, sys.modules[function.__module__]), name)


class Bound(_BoundFunction):
    """A wrapped function as an attribute of an object or of its class."""

    def __reduce_ex__(self, _protocol: object) -> Any:
        if self._self_instance is None:
            return _reference(self)
        return getattr, (self._self_instance, self.__name__)

    def __copy__(self) -> Bound:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Any:
        if self._self_instance is None:
            return self
        return getattr(copy.deepcopy(self._self_instance, memo), self.__name__)


class Wrapped(_Function):
    """A wrapped function where it is defined."""

    __bound_function_wrapper__ = Bound

    def __reduce_ex__(self, _protocol: object) -> Any:
        return _reference(self)

    def __copy__(self) -> Wrapped:
        return self

    def __deepcopy__(self, _memo: object) -> Wrapped:
        return self
