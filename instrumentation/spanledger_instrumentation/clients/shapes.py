"""Looks into JSON whose shape is not to be trusted: what is not there, or not of its kind, is simply absent."""

from __future__ import annotations

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
    """The objects in a list."""
    return (item for item in value if isinstance(item, Mapping)) if isinstance(value, list) else ()


def whole(value: object) -> int:
    """A whole number, 0 if it is none."""
    return value if isinstance(value, int) else 0
