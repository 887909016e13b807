"""A text that matches a regular expression, for the everyday subset that JSON schemas use.

Literals, classes, groups, alternatives and counts are understood; anchors are skipped. Where a
pattern asks for more, `sample` returns None.
"""

from __future__ import annotations

import re

_CLASSES = {"d": "7", "w": "a", "s": " ", "D": "x", "W": "-", "S": "x"}
_COUNT = re.compile(r"\{(\d+)(?:,(\d*))?\}|([*+?])")


def sample(pattern: str) -> str | None:
    """A text in which the pattern is found, or None."""
    try:
        text, rest = _either(pattern)
    except (IndexError, ValueError):
        return None
    return text if not rest and re.search(pattern, text) else None


def _either(pattern: str) -> tuple[str, str]:
    """The first alternative, and what follows the group's end."""
    text, rest = _sequence(pattern)
    while rest.startswith("|"):
        _, rest = _sequence(rest[1:])
    return text, rest


def _sequence(pattern: str) -> tuple[str, str]:
    said: list[str] = []
    while pattern and pattern[0] not in "|)":
        if pattern[0] in "^$":
            pattern = pattern[1:]
            continue
        unit, pattern = _unit(pattern)
        times = 1
        if counted := _COUNT.match(pattern):
            times = int(counted[1]) if counted[1] else {"*": 0, "+": 1, "?": 1}[counted[3]]
            pattern = pattern[counted.end() :].removeprefix("?")
        said.append(unit * times)
    return "".join(said), pattern


def _unit(pattern: str) -> tuple[str, str]:
    head = pattern[0]
    if head == "\\":
        return _CLASSES.get(pattern[1], pattern[1]), pattern[2:]
    if head == "[":
        return _class(pattern[1:])
    if head == "(":
        inner = re.sub(r"^\?(:|P?<\w+>)", "", pattern[1:])
        text, rest = _either(inner)
        if not rest.startswith(")"):
            raise ValueError("the group does not end")
        return text, rest[1:]
    return ("x" if head == "." else head), pattern[1:]


def _class(pattern: str) -> tuple[str, str]:
    end = pattern.index("]", 1)
    inside, rest = pattern[:end], pattern[end + 1 :]
    if inside.startswith("^"):
        return next(c for c in "aA0- " if re.match(f"[{inside}]", c)), rest
    if inside.startswith("\\"):
        return _CLASSES.get(inside[1], inside[1]), rest
    return inside[0], rest
