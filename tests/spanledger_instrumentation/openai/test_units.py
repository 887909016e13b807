"""What is paid for beside tokens is counted: searches and other tools, audio by time, pictures by the piece."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.usage import NO_UNITS, Units, Usage
from spanledger_instrumentation.openai import units
from spanledger_instrumentation.openai.answer import PlainReader
from spanledger_instrumentation.openai.events import ChatEvents
from spanledger_instrumentation.openai.response_events import ResponseEvents

TOKENS = {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15}
SEARCH = {"type": "web_search_call", "status": "completed", "action": {"type": "search", "query": "a"}}
OPENED = {"type": "web_search_call", "status": "completed", "action": {"type": "open_page"}}
FAILED = {**SEARCH, "status": "failed"}


def response(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"object": "response", "status": "completed", "output": list(items), "usage": TOKENS, **more}


def used(document: dict[str, Any], api: Any = "responses") -> Usage:
    usage = PlainReader(api, {}).whole(json.dumps(document).encode()).usage
    assert usage is not None
    return usage


def test_searches_in_the_output_are_counted_and_pages_that_were_opened_are_not() -> None:
    found = used(response(SEARCH, OPENED, FAILED, SEARCH))
    assert (found.web_searches, found.units) == (2, NO_UNITS)


def test_what_openai_says_is_billable_counts_more_than_what_the_output_shows() -> None:
    told = {"web_search": {"num_requests": 1}, "image_gen": {"total_tokens": 0}}
    assert used(response(SEARCH, SEARCH, tool_usage=told)).web_searches == 1


def test_searches_of_the_older_tool_are_told_apart() -> None:
    found = used(response(SEARCH, tools=[{"type": "web_search_preview_2025_03_11"}]))
    assert (found.web_searches, found.units.preview_searches) == (1, 1)


def test_other_tools_are_counted_each_by_its_unit() -> None:
    ran = [{"type": "code_interpreter_call", "container_id": name} for name in ("c1", "c1", "c2")]
    found = used(response({"type": "file_search_call"}, *ran, {"type": "image_generation_call"}))
    assert found.units == Units(file_searches=1, code_executions=3, code_sessions=2, drawn_images=1)
    assert not found.suspect


@pytest.mark.parametrize(("model", "preview"), [("gpt-4o-search-preview-2025-03-11", 1), ("gpt-5-search-api", 0)])
def test_chat_models_that_search_before_every_answer_are_charged_one_search(model: str, preview: int) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    assert used({"model": model, "usage": usage}, "chat") == Usage(
        input=1, output=1, web_searches=1, units=Units(preview_searches=preview)
    )
    events = ChatEvents({}, asked=False)
    events.event(b"data: " + json.dumps({"model": model, "choices": [], "usage": usage}).encode() + b"\n\n")
    found = events.answer().usage
    assert found is not None
    assert found.web_searches == 1


def test_searches_of_a_stream_that_was_given_up_are_charged() -> None:
    events = ResponseEvents({})
    for event in ({"type": "response.output_item.done", "item": SEARCH},
                  {"type": "response.output_text.delta", "delta": "hello"}):  # fmt: skip
        events.event(b"data: " + json.dumps(event).encode() + b"\n\n")
    found = events.partial(1.0).usage
    assert found is not None
    assert (found.web_searches, found.estimated) == (1, True)


TRANSCRIPTIONS: list[tuple[dict[str, Any], Usage | None]] = [
    ({"usage": {"type": "tokens", "input_tokens": 37, "output_tokens": 145, "total_tokens": 182,
                "input_token_details": {"audio_tokens": 37, "text_tokens": 0}}},
     Usage(input=37, output=145, input_audio=37)),
    ({"usage": {"type": "duration", "seconds": 3.0005}}, Usage(units=Units(audio_ms=3001))),
    ({"text": "hi", "duration": 8.25}, Usage(units=Units(audio_ms=8250))),
    ({"text": "hi"}, None),
    ({"usage": {"type": "duration", "seconds": "long"}}, None),
]  # fmt: skip


@pytest.mark.parametrize(("found", "usage"), TRANSCRIPTIONS)
def test_a_transcription_is_billed_by_tokens_or_by_time(found: dict[str, Any], usage: Usage | None) -> None:
    assert units.transcribed(found) == usage


def test_pictures_are_billed_by_tokens_or_by_the_piece() -> None:
    told = {"input_tokens": 50, "output_tokens": 1000, "total_tokens": 1050,
            "input_tokens_details": {"image_tokens": 40, "text_tokens": 10},
            "output_tokens_details": {"image_tokens": 1000, "text_tokens": 0}}  # fmt: skip
    assert units.pictured({"data": [{}], "usage": told}) == Usage(
        input=50, output=1000, input_image=40, output_image=1000
    )
    assert units.pictured({"data": [{"url": "a"}, {"url": "b"}]}) == Usage(units=Units(images=2))
    assert units.pictured({"data": []}) is None


def test_a_realtime_turn_tells_kinds_of_tokens_and_which_of_them_were_cached() -> None:
    told = {"input_tokens": 100, "output_tokens": 30, "total_tokens": 130,
            "input_token_details": {"text_tokens": 40, "audio_tokens": 60, "cached_tokens": 50,
                                    "cached_tokens_details": {"text_tokens": 20, "audio_tokens": 30}},
            "output_token_details": {"text_tokens": 10, "audio_tokens": 20}}  # fmt: skip
    assert units.turned({"type": "response.done", "response": {"usage": told}}) == Usage(
        input=100, output=30, cache_read=50, cache_read_audio=30, input_audio=60, output_audio=20
    )
    assert units.turned({"usage": {"seconds": 2}}) == Usage(units=Units(audio_ms=2000))
    assert units.turned({"type": "response.created"}) is None


def test_speech_is_billed_by_the_character_and_documents_by_the_page() -> None:
    assert units.spoken({"input": "héllo"}) == Usage(units=Units(characters=5))
    assert units.paged({"usage_info": {"pages_processed": 3}}) == Usage(units=Units(pages=3))
    assert units.spoken({"input": 3}) is None
    assert units.paged({"usage_info": {"pages_processed": -3}}) is None


leaves = st.none() | st.booleans() | st.integers(-(10**20), 10**20) | st.floats() | st.text(max_size=5)
WORDS = ("usage", "response", "output", "type", "web_search_call", "action", "tool_usage", "web_search", "data",
         "num_requests", "tools", "seconds", "duration", "usage_info", "pages_processed", "input", "input_tokens",
         "output_tokens", "input_token_details", "cached_tokens_details", "audio_tokens", "container_id", "status",
         "prompt_audio_seconds", "server_side_tool_usage_details", "x_search_calls", "cost", "total_cost")  # fmt: skip
keys = st.sampled_from(WORDS)
junk = st.dictionaries(
    keys, st.recursive(leaves | keys, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner))
)


@given(junk)
def test_junk_is_read_without_harm(found: dict[str, Any]) -> None:
    readers = (units.transcribed, units.pictured, units.spoken, units.turned, units.paged)
    usages = [usage for read in readers if (usage := read(found)) is not None]
    for usage in (*usages, units.with_tools(Usage(input=1), found)):
        assert usage.flagged() == usage
        assert usage.plausible
