"""What usage blocks say: inclusive input, cumulative output, and what stands in neither."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import httpx2
import pytest
from tests.support.claude import BLOCK, COST, DATED, MODEL, client_of, events, message, said, sse, streaming
from tests.support.telemetry import Telemetry, telemetry

from spanledger.config import Settings
from spanledger.semconv import names
from spanledger.usage import Usage
from spanledger_instrumentation.anthropic import AnthropicAdapter
from spanledger_instrumentation.anthropic.usage import merged, read_usage

READ = Usage(input=100, output=20, cache_read=40, cache_write=10, cache_write_long=4, reasoning=5)
OLD = {"input_tokens": 7, "output_tokens": 3}
STEP = {"type": "compaction", "input_tokens": 180, "output_tokens": 35, "cache_read_input_tokens": 20}


@pytest.mark.parametrize(
    ("block", "usage"),
    [
        (BLOCK, READ),
        (OLD, Usage(input=7, output=3)),
        ({**OLD, "cache_creation_input_tokens": None}, Usage(input=7, output=3)),
        ({**OLD, "cache_creation": BLOCK["cache_creation"]}, Usage(17, 3, cache_write=10, cache_write_long=4)),
        ({**OLD, "server_tool_use": {"web_search_requests": 2}}, Usage(input=7, output=3, web_searches=2)),
        ({**OLD, "iterations": [{"type": "message", **OLD}, STEP]}, Usage(input=207, output=38, cache_read=20)),
        ({**OLD, "cost": 0.25}, Usage(input=7, output=3, reported_nano_usd=250_000_000)),
        ({"output_tokens": 3}, Usage(output=3)),
        ({}, None),
        (None, None),
        ({"input_tokens": True}, None),
        ({"input_tokens": 10**18, "output_tokens": 1}, None),
    ],
)
def test_a_usage_block_is_read_as_inclusive_counts(block: Any, usage: Usage | None) -> None:
    assert read_usage(block) == usage


@pytest.mark.parametrize(
    "block",
    [
        {**OLD, "input_tokens": -7},
        {**BLOCK, "cache_creation_input_tokens": 5},
        {**BLOCK, "output_tokens": 2},
        {**OLD, "cache_read_input_tokens": -1},
    ],
    ids=["negative input", "lives above the whole", "thoughts above the output", "negative cache"],
)
def test_counts_that_contradict_each_other_are_suspect_and_never_lowered(block: dict[str, Any]) -> None:
    usage = read_usage(block)
    assert usage is not None
    assert usage.suspect
    assert usage.input >= max(0, usage.cache_read) + usage.cache_write


@pytest.mark.parametrize(
    ("start", "delta", "expected"),
    [
        ({"input_tokens": 50, "output_tokens": 3}, {"output_tokens": 20}, (50, 20)),
        ({"input_tokens": 0, "output_tokens": 0}, {"input_tokens": 50, "output_tokens": 20}, (50, 20)),
        ({"input_tokens": 50, "output_tokens": 3}, {"input_tokens": 0, "output_tokens": 20}, (50, 20)),
        ({"input_tokens": 50}, {"input_tokens": 5, "cache_read_input_tokens": 45, "output_tokens": 2}, (50, 2)),
        ({"input_tokens": 50, "output_tokens": 3}, {"input_tokens": None, "output_tokens": 20}, (50, 20)),
        ({"input_tokens": 50, "output_tokens": 3}, None, (50, 3)),
    ],
)
def test_later_counts_replace_earlier_ones_and_are_never_added(
    start: dict[str, Any], delta: Any, expected: tuple[int, int]
) -> None:
    usage = read_usage(merged(start, delta))
    assert usage is not None
    assert (usage.input, usage.output) == expected


def ask(document: dict[str, Any], **more: Any) -> None:
    with client_of(lambda _: httpx2.Response(200, json=document)) as client:
        client.messages.create(model=MODEL, max_tokens=100, messages=said("x" * 40), **more)


def test_an_answer_without_usage_is_estimated_and_says_so(metered: Telemetry) -> None:
    ask(message(usage=None))
    found = metered.attributes
    assert found[names.SPANLEDGER_USAGE_ESTIMATED] is True
    assert (found[names.GEN_AI_USAGE_INPUT_TOKENS], found[names.GEN_AI_USAGE_OUTPUT_TOKENS]) == (11, 4)


def test_an_image_is_not_counted_as_text(metered: Telemetry) -> None:
    source: Any = {"type": "base64", "media_type": "image/png", "data": "A" * 100_000}
    with client_of(lambda _: httpx2.Response(200, json=message(usage=None))) as client:
        content: Any = [{"type": "image", "source": source}]
        client.messages.create(model=MODEL, max_tokens=100, messages=[{"role": "user", "content": content}])
    assert metered.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] < 100


def test_the_tier_of_the_answer_is_the_tier_of_the_price(metered: Telemetry) -> None:
    ask(message(usage={**BLOCK, "service_tier": "batch"}))
    ask(message())
    batch, standard = (found[names.GEN_AI_USAGE_COST_AMOUNT] for found in metered.said)
    assert (batch, standard) == (pytest.approx(COST / 2), pytest.approx(COST))


def test_what_an_advisor_used_is_a_call_of_its_own_below_at_its_own_price(metered: Telemetry) -> None:
    step = {"type": "advisor_message", "model": "claude-opus-4-5", "input_tokens": 1000, "output_tokens": 100}
    ask(message(usage={**BLOCK, "iterations": [{"type": "message", **BLOCK}, step]}))
    advisor, own = sorted(metered.metered, key=lambda span: span.parent is None)
    assert advisor.parent is not None
    assert own.context is not None
    assert advisor.parent.span_id == own.context.span_id
    assert (advisor.attributes or {})[names.GEN_AI_USAGE_INPUT_TOKENS] == 1000
    assert (advisor.attributes or {})[names.GEN_AI_RESPONSE_MODEL] == "claude-opus-4-5"
    assert (advisor.attributes or {})[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(0.0075)
    assert (own.attributes or {})[names.GEN_AI_USAGE_INPUT_TOKENS] == 100
    assert (own.attributes or {})[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(COST)


@pytest.mark.parametrize(
    ("reason", "told"),
    [("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("tool_use", "tool_calls"),
     ("refusal", "content_filter"), ("model_context_window_exceeded", "length"), ("pause_turn", "pause_turn")],
)  # fmt: skip
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_why_a_model_stopped_is_told_as_the_conventions_name_it(
    metered: Telemetry, reason: str, told: str, stream: bool
) -> None:
    plain = httpx2.Response(200, json=message(stop_reason=reason))
    with client_of(lambda _: streaming(sse(events(last=reason))) if stream else plain) as client:
        asked = client.messages.create(model=MODEL, max_tokens=100, messages=said(), stream=stream)
        if stream:
            list(asked)
    assert metered.attributes[names.GEN_AI_RESPONSE_FINISH_REASONS] == (told,)


def test_a_stream_that_is_nothing_but_an_error_is_an_estimate(metered: Telemetry) -> None:
    found: list[dict[str, Any]] = [{"type": "error", "error": {"type": "api_error", "message": "Internal"}}]
    with client_of(lambda _: streaming(sse(found))) as client:
        create = client.messages.with_streaming_response.create
        with create(model=MODEL, max_tokens=50, messages=said(), stream=True) as response:
            b"".join(response.iter_bytes())
    assert metered.one.status.status_code.name == "ERROR"
    assert metered.attributes[names.ERROR_TYPE] == "api_error"
    assert metered.attributes[names.SPANLEDGER_USAGE_ESTIMATED] is True


CALLED = {"type": "tool_use", "id": "t1", "name": "weather", "input": {"city": "Paris"}}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_content_is_on_the_span_for_those_who_ask_for_it(stream: bool) -> None:
    seen = telemetry(replace(Settings(), capture_content="span"))
    adapter = AnthropicAdapter(seen.calls)
    adapter.install()
    opened = [
        {"type": "content_block_start", "index": 1, "content_block": {**CALLED, "input": {}}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '{"city":'}},
        {"type": "content_block_delta", "index": 1, "delta": {"type": "input_json_delta", "partial_json": '"Paris"}'}},
    ]
    told = events(["Hel", "lo"], last="tool_use")
    plain = message(content=[{"type": "text", "text": "Hello"}, CALLED], stop_reason="tool_use")
    body = streaming(sse([*told[:-3], *opened, *told[-3:]])) if stream else httpx2.Response(200, json=plain)
    result: Any = {"type": "tool_result", "tool_use_id": "t0", "content": "sunny"}
    messages: Any = [*said("How is it?"), {"role": "user", "content": [result]}]
    try:
        with client_of(lambda _: body) as client:
            asked = client.messages.create(
                model=MODEL, max_tokens=9, messages=messages, system="Be short", stream=stream
            )
            if stream:
                list(asked)
    finally:
        adapter.uninstall()
    found = seen.attributes
    seen.runtime.shutdown()
    assert found[names.GEN_AI_INPUT_MESSAGES] == (
        '[{"role": "system", "parts": [{"type": "text", "content": "Be short"}]}, '
        '{"role": "user", "parts": [{"type": "text", "content": "How is it?"}]}, '
        '{"role": "tool", "parts": [{"type": "tool_call_response", "id": "t0", "response": "sunny"}]}]'
    )
    assert found[names.GEN_AI_OUTPUT_MESSAGES] == (
        '[{"role": "assistant", "parts": [{"type": "text", "content": "Hello"}, '
        '{"type": "tool_call", "id": "t1", "name": "weather", "arguments": {"city": "Paris"}}], '
        '"finish_reason": "tool_calls"}]'
    )
    assert found[names.SPANLEDGER_RESPONSE_TOOL_CALLS] == ("weather",)
    assert found[names.GEN_AI_RESPONSE_MODEL] == DATED


def test_a_reading_that_the_model_has_no_room_for_is_replaced_by_an_estimate(metered: Telemetry) -> None:
    ask(message(usage={"input_tokens": 50_000_000, "output_tokens": 1}))
    found = metered.attributes
    assert found[names.SPANLEDGER_USAGE_SUSPECT] is True
    assert found[names.SPANLEDGER_USAGE_ESTIMATED] is True
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] == 11


def test_a_message_that_took_several_passes_may_have_used_more_than_the_window(metered: Telemetry) -> None:
    steps = [{"type": "message", "input_tokens": 180_000, "output_tokens": 1}] * 9
    ask(message(usage={"input_tokens": 1_620_000, "output_tokens": 9, "iterations": steps}))
    assert metered.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] == 1_620_000
