"""Plays cases and notes what the app saw: bare, and again with spanledger on, each case in a span of its own."""

from __future__ import annotations

import asyncio
import copy
import inspect
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

import httpx2
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Tracer, format_trace_id

from conformance import seen
from conformance.asking import Asking, asking, style_of
from conformance.cases import Case
from conformance.server import Replay

#: Seconds until a request is given up.
_TIMEOUT = 20


@dataclass(frozen=True)
class Played:
    """What the app saw of one call, what the server saw, and in which trace it happened."""

    seen: dict[str, Any]
    requests: list[tuple[str, str, object]]
    trace: str = ""


@dataclass(frozen=True)
class Outcome:
    """All cases, played twice."""

    bare: Mapping[str, Played]
    metered: Mapping[str, Played]
    spans: Mapping[str, Sequence[ReadableSpan]] = field(default_factory=dict)
    """By trace; without the spans that the cases are played in."""


def play(cases: Iterable[Case], replay: Replay, tracer: Tracer | None = None) -> dict[str, Played]:
    """Play each case once, below a span of the tracer if there is one."""
    found: dict[str, Played] = {}
    with httpx2.Client(verify=False, timeout=_TIMEOUT) as http, warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # the clients', of models that were retired since
        for case in cases:
            around = tracer.start_as_current_span(f"case {case.id}") if tracer else nullcontext()
            with around as span:
                told = _play(case, replay.base(case), http)
                trace = format_trace_id(span.get_span_context().trace_id) if span else ""
            found[case.id] = Played(told, replay.taken(case), trace)
    return found


def by_trace(spans: Iterable[ReadableSpan], scope: str) -> dict[str, list[ReadableSpan]]:
    """Spans by their trace, without those of the tracer of this name."""
    found: defaultdict[str, list[ReadableSpan]] = defaultdict(list)
    for span in spans:
        if span.context is not None and (
            span.instrumentation_scope is None or span.instrumentation_scope.name != scope
        ):
            found[format_trace_id(span.context.trace_id)].append(span)
    return dict(found)


def _play(case: Case, base: str, http: httpx2.Client) -> dict[str, Any]:
    told: dict[str, Any] = {}
    try:
        if style_of(case).later:
            asyncio.run(_ask_later(case, base, told))
        else:
            _ask(case, asking(case, base, http), told)
    except Exception as raised:  # noqa: BLE001  whatever it is, it is what the app sees
        told["error"] = seen.error(raised)
    return told


class _Arguments:
    """Notes whether the caller's own arguments were left alone."""

    def __init__(self, asked: Asking, told: dict[str, Any]) -> None:
        self._asked, self._told = asked, told
        self._before = copy.deepcopy(asked.arguments)

    def __enter__(self) -> None:
        return

    def __exit__(self, *_: object) -> None:
        changed = seen.difference(seen.plain(self._before), seen.plain(self._asked.arguments))
        self._told["arguments"] = changed or "untouched"


def _ask(case: Case, asked: Asking, told: dict[str, Any]) -> None:
    style = style_of(case)
    with _Arguments(asked, told):
        found = asked.call(**asked.arguments)
        if style.raw:
            told["raw"] = seen.raw(found)
            found = found.parse()
        if style.method == "stream":
            with found as stream:
                _read(stream, told)
                told["final"] = seen.plain(_final(stream)())
        elif _is_stream(case, found, "__iter__"):
            told["stream"] = seen.stream(found)
            _read(found, told)
        else:
            told["value"] = seen.plain(found)


async def _ask_later(case: Case, base: str, told: dict[str, Any]) -> None:
    style = style_of(case)
    async with httpx2.AsyncClient(verify=False, timeout=_TIMEOUT) as http:
        asked = asking(case, base, http)
        with _Arguments(asked, told):
            found = asked.call(**asked.arguments)
            if style.method == "stream":
                async with found as stream:
                    await _read_later(stream, told)
                    told["final"] = seen.plain(await _final(stream)())
                return
            found = await found
            if style.raw:
                told["raw"] = seen.raw(found)
                found = found.parse()
                found = await found if inspect.isawaitable(found) else found
            if _is_stream(case, found, "__aiter__"):
                told["stream"] = seen.stream(found)
                await _read_later(found, told)
            else:
                told["value"] = seen.plain(found)


def _is_stream(case: Case, found: object, reads: str) -> bool:
    return case.request.streams and hasattr(found, reads) and not hasattr(found, "model_dump")


def _final(stream: Any) -> Any:
    """How the helpers of the clients give the whole answer at the end of a stream."""
    names = ("get_final_message", "get_final_completion", "get_final_response")
    return next(getattr(stream, name) for name in names if hasattr(stream, name))


def _read(stream: Any, told: dict[str, Any]) -> None:
    chunks = told["chunks"] = []
    for chunk in stream:
        chunks.append(seen.plain(chunk))  # noqa: PERF401  what was read before an error counts


async def _read_later(stream: Any, told: dict[str, Any]) -> None:
    chunks = told["chunks"] = []
    async for chunk in stream:
        chunks.append(seen.plain(chunk))  # noqa: PERF401  as above
