"""A reading that the model's context window has no room for is no usage: an estimate takes its place, and says so."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.support.asking import said
from tests.support.scripted import answering, client_of, completion
from tests.support.telemetry import Telemetry

from spanledger.messages import Answer, Request
from spanledger.semconv import names
from spanledger.usage import Units, Usage
from spanledger_instrumentation.openai.events import ChatEvents

#: Its window is 8,192 tokens.
MODEL = "gpt-4"
TOO_MUCH = {"prompt_tokens": 9_000_000, "completion_tokens": 1}


def asked(telemetry: Telemetry, usage: dict[str, Any], **more: Any) -> dict[str, Any]:
    with client_of(answering(completion(usage=usage) | {"model": MODEL})) as client:
        client.chat.completions.create(model=MODEL, messages=said("x" * 40), **more)
    return dict(telemetry.attributes)


def test_more_than_the_window_is_estimated_from_the_request_and_flagged(metered: Telemetry) -> None:
    found = asked(metered, TOO_MUCH)
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] == 11
    assert found[names.SPANLEDGER_USAGE_ESTIMATED] is True
    assert found[names.SPANLEDGER_USAGE_SUSPECT] is True
    assert 0 < found[names.GEN_AI_USAGE_COST_AMOUNT] < 0.01


def test_what_fits_the_window_is_believed(metered: Telemetry) -> None:
    found = asked(metered, {"prompt_tokens": 8_000, "completion_tokens": 100})
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] == 8_000
    assert names.SPANLEDGER_USAGE_SUSPECT not in found


def test_several_answers_may_be_more_than_the_window_together(metered: Telemetry) -> None:
    found = asked(metered, {"prompt_tokens": 8_000, "completion_tokens": 20_000}, n=5)
    assert found[names.GEN_AI_USAGE_OUTPUT_TOKENS] == 20_000


def test_a_stream_is_held_to_the_window_too() -> None:
    events = ChatEvents({"messages": said("x" * 40)}, asked=False)
    for choices, more in (([{"delta": {"content": "four score"}}], {}), ([], {"usage": TOO_MUCH})):
        events.event(b"data: " + json.dumps({"model": MODEL, "choices": choices, **more}).encode() + b"\n\n")
    answer = events.answer()
    assert answer.usage == Usage(input=9_000_000, output=1)
    assert answer.instead is not None
    assert answer.instead() == Usage(input=11, output=2, estimated=True)


@pytest.mark.parametrize(
    ("operation", "usage"),
    [
        ("embeddings", Usage(input=900_000)),
        ("chat", Usage(input=900_000, web_searches=1)),
        ("chat", Usage(input=900_000, units=Units(code_executions=1))),
    ],
    ids=["many inputs", "searches", "other tools"],
)
def test_calls_that_read_more_than_once_are_believed(telemetry: Telemetry, operation: str, usage: Usage) -> None:
    answer = Answer(usage, MODEL, instead=lambda: Usage(input=1, estimated=True))
    telemetry.runtime.calls.start(Request(operation, "openai", MODEL)).succeed(answer)
    assert telemetry.attributes[names.GEN_AI_USAGE_INPUT_TOKENS] == 900_000


def test_a_cost_that_the_provider_told_stays_the_cost(telemetry: Telemetry) -> None:
    usage = Usage(input=900_000, reported_nano_usd=5_000_000)
    answer = Answer(usage, MODEL, instead=lambda: Usage(input=1, estimated=True))
    telemetry.runtime.calls.start(Request("chat", "openai", MODEL)).succeed(answer)
    assert telemetry.attributes[names.GEN_AI_USAGE_COST_AMOUNT] == 0.005
