"""What is asked of each case, and that every kind of fault is seen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from conformance.cases import HANDMADE, Case, load
from conformance.judging import Verdict, judge
from conformance.playing import Outcome, Played
from conformance.report import Report
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanContext, Status, StatusCode, TraceFlags

from spanledger.semconv import names

CASES = {case.id: case for case in load(HANDMADE)}
GOOD: dict[str, Any] = {
    names.GEN_AI_USAGE_INPUT_TOKENS: 2048,
    names.GEN_AI_USAGE_OUTPUT_TOKENS: 30,
    names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: 1920,
    names.GEN_AI_USAGE_COST_AMOUNT: 0.0001812,
    names.GEN_AI_USAGE_COST_CURRENCY: "USD",
    names.SPANLEDGER_PRICE_STATUS: "priced",
}
SEEN = Played({"value": {"text": "Blue."}}, [("POST", "/v1", {"model": "m"})], "trace")


def _span(attributes: Mapping[str, Any], status: StatusCode = StatusCode.UNSET) -> ReadableSpan:
    context = SpanContext(1, 2, is_remote=False, trace_flags=TraceFlags(1))
    return ReadableSpan("chat", context, attributes=attributes, status=Status(status))


def _judged(case: str | Case, *spans: ReadableSpan, played: Played = SEEN) -> Verdict:
    found = CASES[case] if isinstance(case, str) else case
    outcome = Outcome({found.id: SEEN}, {found.id: played}, {"trace": list(spans)})
    return judge(found, outcome)


def test_a_span_with_all_that_is_right_has_no_fault() -> None:
    verdict = _judged("openai-chat-cached", _span(GOOD))
    assert verdict.wrong == {}
    assert list(verdict.answers) == ["tokens", "cost", "price", "once", "fine", "same"]


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({names.GEN_AI_USAGE_OUTPUT_TOKENS: 31}, {"tokens": "output is 31, not 30"}),
        ({names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS: None}, {"tokens": "cached_input is None, not 1920"}),
        ({names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS: 3}, {"tokens": "reasoning is 3, not 0"}),
        ({names.GEN_AI_USAGE_COST_AMOUNT: 0.00018121}, {"cost": "0.00018121 USD, not 0.0001812"}),
        ({names.GEN_AI_USAGE_COST_CURRENCY: "EUR"}, {"cost": "0.0001812 EUR, not 0.0001812"}),
        ({names.SPANLEDGER_PRICE_STATUS: None}, {"price": "None with a cost of 0.0001812"}),
        (
            {names.GEN_AI_USAGE_COST_AMOUNT: 0},
            {"cost": "0 USD, not 0.0001812", "price": "0 for 2078 tokens"},
        ),
    ],
)
def test_each_figure_that_is_wrong_is_a_fault_of_its_own(change: dict[str, Any], fault: dict[str, str]) -> None:
    said = {key: value for key, value in {**GOOD, **change}.items() if value is not None}
    assert _judged("openai-chat-cached", _span(said)).wrong == fault


def test_a_call_without_a_span_is_missing_and_one_with_two_is_double() -> None:
    missing, double = _judged("openai-chat-cached"), _judged("openai-chat-cached", _span(GOOD), _span(GOOD))
    assert missing.wrong["once"] == "0 metered spans"
    assert double.wrong == {"once": "2 metered spans"}
    summary = Report([missing, double], [], {}).summary()
    assert summary == (
        "tokens 50.0 % (2), over strata 50.0 %; cost 50.0 % (2); invented 0; double 1; missing 1; apps changed 0"
    )


def test_tokens_that_the_provider_did_not_tell_are_invented_unless_they_are_called_an_estimate() -> None:
    claimed = _judged("openai-response-begun-in-background", _span(GOOD))
    assert claimed.wrong == {"honest": "claimed as a fact"}
    estimated = {**GOOD, names.SPANLEDGER_USAGE_ESTIMATED: True}
    assert _judged("openai-response-begun-in-background", _span(estimated)).wrong == {}


@pytest.mark.parametrize("case", ["openai-moderation", "anthropic-counted", "openai-response-read-again", "openai-400"])
def test_where_nothing_is_used_nothing_is_metered(case: str) -> None:
    assert _judged(case, _span(GOOD)).wrong["once"] == "1 metered spans"


def test_an_error_is_one_span_that_says_so_and_of_what_type() -> None:
    failed = _span({names.GEN_AI_REQUEST_MODEL: "m", names.ERROR_TYPE: "openai.BadRequestError"}, StatusCode.ERROR)
    untold = _span({names.GEN_AI_REQUEST_MODEL: "m"}, StatusCode.ERROR)
    assert _judged("openai-400", failed).wrong == {}
    assert "error" in _judged("openai-400", untold).wrong
    assert "error" in _judged("openai-400", failed, failed).wrong
    assert "error" in _judged("openai-400").wrong
    assert "fine" in _judged("openai-chat-cached", _span(GOOD, StatusCode.ERROR)).wrong


def test_attributes_that_must_be_said_are_asked_for() -> None:
    case = CASES["openai-chat-cached"]
    demanding = replace(case, expected=replace(case.expected, attributes={names.SPANLEDGER_USAGE_SUSPECT: True}))
    assert _judged(demanding, _span(GOOD)).wrong == {"said": "spanledger.usage.suspect is None, not True"}


@pytest.mark.parametrize(
    ("played", "fault"),
    [
        (replace(SEEN, seen={"value": {"text": "Red."}}), "value.text: 'Blue.' became 'Red.'"),
        (replace(SEEN, seen={"error": {"class": "ValueError"}}), "value is missing"),
        (replace(SEEN, seen={**SEEN.seen, "arguments": "changed"}), "arguments is new"),
        (replace(SEEN, requests=[("POST", "/v1", {"model": "n"})]), "the request that was sent"),
        (replace(SEEN, requests=SEEN.requests * 2), "the request that was sent"),
    ],
)
def test_an_app_that_sees_or_sends_anything_else_is_changed(played: Played, fault: str) -> None:
    assert _judged("openai-chat-cached", _span(GOOD), played=played).wrong == {"same": fault}
