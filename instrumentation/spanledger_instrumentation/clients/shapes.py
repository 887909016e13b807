"""Looks into JSON whose shape is not to be trusted: what is not there, or not of its kind, is simply absent."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any


def text(value: object) -> str | None:
    """A string that says something."""
    return value if isinstance(value, str) and value else None


def mapping(value: object) -> Mapping[str, Any]:
    """An object, empty if it is none. What JSON gives is known without the abstract class, which is slow to ask."""
    if value is None or isinstance(value, dict):
        return value or {}
    return value if isinstance(value, Mapping) else {}


def mappings(value: object) -> Iterable[Mapping[str, Any]]:
    """The objects in a list; clients take tuples, too."""
    return (item for item in value if isinstance(item, Mapping)) if isinstance(value, (list, tuple)) else ()


def natural(value: object) -> int | None:
    """A whole number above 0, however JSON spells it; None for anything else, such as the -1 that means no limit."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 < value < float("inf"):
        return None
    return math.ceil(value)


def at_most(value: object) -> int | None:
    """How often something may happen; None where nobody said so."""
    return 0 if value == 0 and not isinstance(value, bool) else natural(value)


def whole(value: object) -> int:
    """A whole number, 0 if it is none."""
    return value if isinstance(value, int) else 0
