"""What a request wishes for beyond its answer: a fault, a delay, a usage block to the token.

A wish is written into the prompt, `<<fault=429 times=2 retry_after=0.05>>`, or into the header
`x-sim-fault`, where the bare name of the fault is enough: `x-sim-fault: 429 times=2`.

| word | meaning |
|---|---|
| `fault=NAME` | one of the faults in `faults.py` |
| `times=N` | only the first N requests with this prompt get the fault; without it, all do |
| `after=N` | a stream breaks after N events (`disconnect`, `stream_error`, `sse_garbage`); 3 unless told |
| `retry_after=S` | seconds in `Retry-After`; 1 unless told |
| `delay_ms=N`, `gap_ms=N` | wait before the answer, wait before each event of a stream |
| `input=N`, `cached=N`, `output=N`, `reasoning=N` | the usage block, and an answer of that length |
| `cache_write=N`, `cache_write_long=N`, `searches=N` | more of the usage block, where the API has it |
"""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from typing import Any

_MARK = re.compile(r"<<\s*([a-z_]+=[^<>]*?)\s*>>")


@dataclass(frozen=True)
class Wish:
    """A wish as it was understood; `None` means that the request leaves it to the provider."""

    fault: str | None = None
    times: int | None = None
    after: int = 3
    retry_after: float = 1.0
    delay_ms: float | None = None
    gap_ms: float | None = None
    input: int | None = None
    cached: int | None = None
    output: int | None = None
    reasoning: int | None = None
    cache_write: int | None = None
    cache_write_long: int | None = None
    searches: int | None = None


_FIELDS = {field.name: field.type for field in fields(Wish)}


def without_marks(text: str) -> str:
    """The text as the model should read it."""
    return _MARK.sub("", text)


def texts(node: Any) -> list[str]:
    """Every text in a piece of a request: in each, a wish can stand."""
    if isinstance(node, str):
        return [node]
    children = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [text for child in children for text in texts(child)]


def read(text: str, header: str | None = None) -> Wish:
    """The wish of a request.

    Raises:
        ValueError: A word is unknown or is not the number it should be; the message says which.
    """
    words = " ".join(_MARK.findall(text)).split()
    if header:
        words += header.replace(";", " ").replace(",", " ").split()
    given = dict(_pair(word) for word in words)
    return Wish(**{name: _value(name, value) for name, value in given.items()})  # type: ignore[arg-type]


def _pair(word: str) -> tuple[str, str]:
    name, equals, value = word.partition("=")
    return (name, value) if equals else ("fault", word)


def _value(name: str, value: str) -> str | int | float:
    kind = _FIELDS.get(name)
    if kind is None:
        raise ValueError(f"unknown wish {name!r}; known are {', '.join(_FIELDS)}")
    if name == "fault":
        return value
    try:
        return float(value) if "float" in str(kind) else int(value)
    except ValueError:
        raise ValueError(f"the wish {name}={value} needs a number") from None
