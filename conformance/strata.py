"""The strata a case belongs to, so that a rare kind of call weighs as much as a frequent one.

Three families: what kind of call it is (endpoint, plain or streamed, kind of answer), whose, and what is special in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

from conformance.asking import style_of
from conformance.cases import Case

#: Features of recordings that are strata as they are.
_AS_RECORDED = ("cached>0", "cache_write>0", "audio>0", "n>1", "structured", "multimodal", "builtin_tools", "tools")


def strata(case: Case) -> list[str]:
    """The names of all its strata; the kind of call comes first."""
    return [kind_of_call(case), f"provider: {case.provider}", *(f"feature: {name}" for name in _features(case))]


def kind_of_call(case: Case) -> str:
    """Such as `chat.completions stream usage`."""
    return f"{case.endpoint} {_mode(case)} {case.expected.kind}"


def _mode(case: Case) -> str:
    return "stream" if case.response.stream else "plain"


def _features(case: Case) -> Iterator[str]:
    yield from style_of(case).words
    if case.expected.kind == "error":
        yield f"HTTP {case.response.status}"
        return
    seen = set(case.features)
    yield from (name for name in _AS_RECORDED if name in seen)
    if "reasoning>0" in seen:
        yield f"reasoning>0 {case.endpoint} {_mode(case)}"
    yield from sorted(name for name in seen if ":" in name)
    if (status := _status(case)) not in (None, "completed"):
        yield f"response {status}"


def _status(case: Case) -> str | None:
    """How a plain answer of the Responses API says it stands."""
    if not case.endpoint.startswith("responses") or case.response.stream:
        return None
    try:
        found = json.loads(case.response.body)
    except ValueError:
        return None
    status = found.get("status") if isinstance(found, dict) else None
    return status if isinstance(status, str) else None
