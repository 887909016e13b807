"""Faults on wish: what can go wrong between a client and a provider, on purpose and repeatably.

| fault | what the client gets |
|---|---|
| `400` ... `504`, `quota`, `context_length`, `content_filter` | that error; 429 and 503 with `Retry-After` |
| `reject_stream_options` | 400 if the request has `stream_options` |
| `timeout` | nothing, until the client hangs up |
| `disconnect` | a stream that breaks after some events, or half a body |
| `stream_error` | an error event in the middle of a stream; 500 where nothing is streamed |
| `sse_garbage` | an event that is not JSON; half a JSON document where nothing is streamed |
| `no_done` | a stream without its closing `[DONE]` |
| `invalid_json`, `html`, `empty` | a body that is half a document, a web page, nothing |
| `usage_*`, `choices_*`, `model_null`, `wrong_shape` | a well-formed document that is not what was promised |

Errors and `timeout` cost nothing. Everything else is billed: the model did its work.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from provider import errors
from provider.errors import ApiError, Json
from provider.wishes import Wish

STATUS = (*errors.STATUSES, *errors.NAMED)
BREAKS = ("timeout", "disconnect", "stream_error", "sse_garbage", "no_done", "invalid_json", "html", "empty")
SHAPES = (
    "usage_null",
    "usage_missing",
    "usage_list",
    "usage_strings",
    "usage_words",
    "usage_floats",
    "usage_nulls",
    "usage_negative",
    "usage_huge",
    "choices_empty",
    "choices_missing",
    "model_null",
    "wrong_shape",
)
ALL = (*STATUS, *BREAKS, *SHAPES, "reject_stream_options")

_NO_OPTIONS = "Unrecognized request argument supplied: stream_options"
_NUMBERS: dict[str, Callable[[int], Any]] = {
    "usage_strings": str,
    "usage_words": lambda _: "many",
    "usage_floats": lambda n: n + 0.5,
    "usage_nulls": lambda _: None,
    "usage_negative": lambda n: -n - 1,
    "usage_huge": lambda _: 10**18,
}


def due(wish: Wish, key: str, seen: Counter[str]) -> str | None:
    """The fault this request gets; `key` names the requests that share a count.

    Raises:
        ValueError: There is no fault of that name.
    """
    if wish.fault is None:
        return None
    if wish.fault not in ALL:
        raise ValueError(f"unknown fault {wish.fault!r}; known are {', '.join(ALL)}")
    seen[key] += 1
    return wish.fault if wish.times is None or seen[key] <= wish.times else None


def refused(fault: str | None, body: Json, model: str, wish: Wish) -> ApiError | None:
    """The error this fault makes of the request, if it makes one."""
    if fault == "reject_stream_options":
        named = {"param": "stream_options", "code": "unknown_parameter"}
        return ApiError(400, _NO_OPTIONS, **named) if "stream_options" in body else None
    if fault == "stream_error" and not body.get("stream"):
        fault = "500"
    return errors.refusal(fault, model, wish.retry_after) if fault in STATUS else None


def spoil(document: Json, fault: str | None) -> Json:
    """The document, or the event of a stream, malformed in that way."""
    if fault not in SHAPES:
        return document
    for name in ("response", "message"):  # where an event of a stream holds the document
        if isinstance(inner := document.get(name), dict):
            return document | {name: _spoiled(inner, fault)}
    return _spoiled(document, fault)


def _spoiled(document: Json, fault: str) -> Json:
    if fault == "wrong_shape":
        return {"hello": "world"}
    if fault == "model_null":
        return document | ({"model": None} if "model" in document else {})
    if fault.startswith("choices_"):
        name = next((n for n in ("choices", "output", "data", "content") if n in document), None)
        if name is None:
            return document
        rest = {k: v for k, v in document.items() if k != name}
        return rest if fault == "choices_missing" else rest | {name: []}
    return _with_bad_usage(document, fault)


def _with_bad_usage(document: Json, fault: str) -> Json:
    usage = document.get("usage")
    if usage is None:
        return document
    if fault == "usage_missing":
        return {k: v for k, v in document.items() if k != "usage"}
    if fault == "usage_null":
        return document | {"usage": None}
    return document | {"usage": [usage] if fault == "usage_list" else _changed(usage, _NUMBERS[fault])}


def _changed(node: Any, change: Callable[[int], Any]) -> Any:
    if isinstance(node, dict):
        return {name: _changed(value, change) for name, value in node.items()}
    return change(node) if isinstance(node, int) else node
