"""What an app can see of an answer, as plain values that compare: all of it but memory addresses and dates."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pydantic

_ADDRESS = re.compile(r"0x[0-9a-fA-F]+")
_OF_ERRORS = ("status_code", "code", "param", "type", "request_id", "body")
_OF_STREAMS = (
    "response",
    "close",
    "__enter__",
    "__exit__",
    "__iter__",
    "__next__",
    "__aenter__",
    "__aexit__",
    "__anext__",
)


def plain(value: object) -> Any:
    """A value, deeply. The class it shows is the one it says it has, as `isinstance` would find."""
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return repr(value)  # also where it is not equal to itself
    if isinstance(value, pydantic.BaseModel):
        shown = {**vars(value), **(value.model_extra or {}), "(request id)": getattr(value, "_request_id", None)}
        return {"(class)": class_of(value), "(set)": sorted(value.model_fields_set), **plain(shown)}
    if isinstance(value, Mapping):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(item) for item in value]
    return f"{class_of(value)} {_ADDRESS.sub('0x', repr(value))}"


def class_of(value: object) -> str:
    """Its qualified name."""
    found = value.__class__
    return f"{found.__module__}.{found.__qualname__}"


def error(raised: BaseException) -> dict[str, Any]:
    """An exception."""
    said = {name: plain(getattr(raised, name)) for name in _OF_ERRORS if hasattr(raised, name)}
    cause = raised.__cause__
    return {
        "class": class_of(raised),
        "message": _ADDRESS.sub("0x", str(raised)),
        "cause": cause and class_of(cause),
        **said,
    }


def raw(response: Any) -> dict[str, Any]:
    """A raw response, before it is parsed."""
    headers = {name.lower(): value for name, value in dict(response.headers).items() if name.lower() != "date"}
    return {"class": class_of(response), "status": response.status_code, "headers": headers}


def stream(found: Any) -> dict[str, Any]:
    """The manners of a stream that has not been read."""
    status = getattr(getattr(found, "response", None), "status_code", None)
    return {"class": class_of(found), "status": status, "has": [name for name in _OF_STREAMS if hasattr(found, name)]}


def difference(expected: Any, found: Any, where: str = "") -> str | None:
    """The first place where two values differ, in words; None where they are equal."""
    if isinstance(expected, dict) and isinstance(found, dict):
        if odd := [key for key in {**expected, **found} if (key in expected) is not (key in found)]:
            return f"{where}.{odd[0]}".lstrip(".") + (" is missing" if odd[0] in expected else " is new")
        inside = ((expected[key], found[key], f"{where}.{key}") for key in expected)
        return next(filter(None, (difference(*pair) for pair in inside)), None)
    if isinstance(expected, list) and isinstance(found, list) and len(expected) == len(found):
        places = (f"{where}[{at}]" for at in range(len(expected)))
        return next(filter(None, map(difference, expected, found, places)), None)
    if type(expected) is type(found) and expected == found:
        return None
    return f"{where.lstrip('.') or 'the answer'}: {_short(expected)} became {_short(found)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
