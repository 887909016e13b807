"""Reads the worst case of a request for a message: how much it may read and write."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spanledger.bound import Bound
from spanledger_instrumentation.clients.shapes import at_most, mapping, mappings, natural

#: Tokens of the prompt that the provider writes itself where there are tools (docs.claude.com, "Tool use", pricing: up
#: to 735 for computer use).
_TOOL_PROMPT = 1_024
#: Parts of a prompt that stand for more than their bytes.
_UNSEEN = frozenset({"image", "document", "container_upload", "file"})
#: Tools that the app runs itself, by the beginning of their type; all others the provider runs.
_OWN_TOOLS = ("custom", "bash_", "text_editor_", "computer_", "memory_")


def bound(body: Mapping[str, Any], bytes_sent: int | None) -> Bound:
    """The worst case of a request whose body has so many bytes."""
    unseen = any(kind in _UNSEEN for kind in _kinds(body.get("messages")))
    tools = list(mappings(body.get("tools")))
    size = None if unseen or bytes_sent is None else bytes_sent + (_TOOL_PROMPT if tools else 0)
    return Bound(
        size=size,
        output=natural(body.get("max_tokens")),
        passes=None if body.get("mcp_servers") else _passes(tools),
        text_only=not unseen,
    )


def _kinds(value: object) -> Iterator[str]:
    """The types of all parts of a prompt, those in results of tools too."""
    for item in mappings(value):
        if isinstance(kind := item.get("type"), str):
            yield kind
        yield from _kinds(item.get("content"))


def _passes(tools: list[Mapping[str, Any]]) -> int | None:
    """How often the prompt is read: once, and once more for each use of a tool that the provider runs."""
    passes = 1
    for tool in tools:
        kind = tool.get("type")
        if not isinstance(kind, str) or kind.startswith(_OWN_TOOLS):
            continue
        uses = at_most(tool.get("max_uses"))
        if uses is None:
            return None
        passes += uses
    return passes


def with_model(options: Any, model: str) -> Any:
    """A copy of the options of a request that asks another model, wherever it names one."""
    copy = options.model_copy()
    for field in ("json_data", "extra_json"):
        body = mapping(getattr(copy, field))
        if "model" in body:
            setattr(copy, field, {**body, "model": model})
    return copy
