"""Stores across `fork`: locks are taken before it, so that no copy of a store is one that a thread was changing."""

from __future__ import annotations

import os
import threading
from typing import Protocol
from weakref import WeakSet


class Forked(Protocol):
    """Something that has to be told of a fork. None of these may raise."""

    def before_fork(self) -> None:
        """Let nobody in, until one of the others is called."""

    def in_parent(self) -> None:
        """Go on."""

    def in_child(self) -> None:
        """Go on as somebody else."""


_told: WeakSet[Forked] = WeakSet()
_lock = threading.Lock()
_now: list[Forked] = []


def tell(one: Forked) -> None:
    """Tell this one of forks for as long as it lives."""
    with _lock:
        _told.add(one)


def _before() -> None:
    _lock.acquire()
    _now.extend(_told)
    for one in _now:
        one.before_fork()


def _in_parent() -> None:
    for one in _now:
        one.in_parent()
    _now.clear()
    _lock.release()


def _in_child() -> None:
    for one in _now:
        one.in_child()
    _now.clear()
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
