"""What OpenAI's answers say of things that are paid for and no tokens: tools of the provider, audio, and pictures."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from spanledger.usage import Units, Usage, count
from spanledger_instrumentation.clients.counts import number
from spanledger_instrumentation.clients.shapes import mapping, mappings, text
from spanledger_instrumentation.openai.usage import milliseconds, read_usage

#: Chat models that search the web before every answer, by a part of their names; the first kind at the older fee.
_SEARCHING = ("-search-preview", "-search-api")
#: Items of a response's output that are uses of a tool with a fee, by their type.
_TOOLS = {
    "web_search_call": "searches",
    "file_search_call": "file_searches",
    "code_interpreter_call": "code_executions",
    "image_generation_call": "drawn_images",
}


def with_tools(usage: Usage, found: Mapping[str, Any]) -> Usage:
    """The usage of a response with the uses of tools that it tells of, or that its output shows."""
    uses: dict[str, int] = {}
    containers = set()
    for item in mappings(found.get("output")):
        kind = _TOOLS.get(item["type"]) if isinstance(item.get("type"), str) else None
        if kind is None or (kind == "searches" and not _searched(item)):
            continue
        uses[kind] = uses.get(kind, 0) + 1
        if container := text(item.get("container_id")):
            containers.add(container)
    told = number(mapping(mapping(found.get("tool_usage")).get("web_search")), "num_requests")
    seen = uses.pop("searches", 0)
    searches = seen if told is None else told
    if not uses and not searches:
        return usage
    preview = any(str(tool.get("type")).startswith("web_search_preview") for tool in mappings(found.get("tools")))
    units = replace(usage.units, **uses, code_sessions=len(containers), preview_searches=searches if preview else 0)
    return replace(usage, web_searches=max(usage.web_searches, searches), units=units).flagged()


def _searched(item: Mapping[str, Any]) -> bool:
    """Whether a call was a search: to open a page and to look through it costs no fee, and failures neither."""
    action = mapping(item.get("action")).get("type")
    return item.get("status") != "failed" and action in (None, "search")


def with_search(usage: Usage, model: str | None) -> Usage:
    """The usage of a chat, with the search that some models make before each answer."""
    if model is None or usage.web_searches or not any(part in model for part in _SEARCHING):
        return usage
    units = replace(usage.units, preview_searches=1) if _SEARCHING[0] in model else usage.units
    return replace(usage, web_searches=1, units=units)


def transcribed(found: Mapping[str, Any]) -> Usage | None:
    """The usage of a transcription: in tokens, or in time; older models tell no more than how long the audio was."""
    block = mapping(found.get("usage"))
    told = block.get("seconds") if block.get("type") == "duration" else None if block else found.get("duration")
    if audio := milliseconds(told):
        return Usage(units=Units(audio_ms=audio))
    return read_usage(block)


def pictured(found: Mapping[str, Any]) -> Usage | None:
    """The usage of an answer with pictures: in tokens, else by the piece. Of a stream: its last event."""
    if (usage := read_usage(found.get("usage"))) is not None:
        return usage
    pieces = len(list(mappings(found.get("data"))))
    return Usage(units=Units(images=pieces)) if pieces else None


def spoken(body: Mapping[str, Any]) -> Usage | None:
    """The usage of text to speech, whose answer is nothing but audio: the text that was asked for, by the character."""
    said = text(body.get("input"))
    return Usage(units=Units(characters=len(said))) if said else None


def turned(event: Mapping[str, Any]) -> Usage | None:
    """The usage of a realtime turn, in a `response.done`; or of a live session so far, in seconds of audio."""
    if (usage := read_usage(mapping(event.get("response")).get("usage"))) is not None:
        return usage
    block = mapping(event.get("usage"))
    audio = milliseconds(block.get("seconds") or block.get("billable_audio_seconds"))
    return Usage(units=Units(audio_ms=audio)) if audio else read_usage(block)


def paged(found: Mapping[str, Any]) -> Usage | None:
    """The usage of reading documents (Mistral's OCR), by the page."""
    pages = count(mapping(found.get("usage_info")).get("pages_processed"))
    return Usage(units=Units(pages=pages)) if pages > 0 else None
