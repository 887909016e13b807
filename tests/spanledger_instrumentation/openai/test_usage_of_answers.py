"""What an answer says about its tokens: taken as told, flagged where it contradicts itself, estimated where silent."""

from __future__ import annotations

from typing import Any

import openai
import pytest
from tests.support.asking import MODEL, said
from tests.support.scripted import USAGE, answering, client_of, completion
from tests.support.telemetry import Telemetry

from spanledger.semconv import names
from spanledger.usage import Units, Usage
from spanledger_instrumentation.openai.request import endpoint
from spanledger_instrumentation.openai.usage import read_usage

BLOCKS: list[tuple[str, Any, Usage | None]] = [
    ("chat", USAGE, Usage(input=100, output=20, cache_read=40, reasoning=5)),
    (
        "responses",
        {
            "input_tokens": 9,
            "output_tokens": 8,
            "input_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
            "output_tokens_details": {"reasoning_tokens": 7},
        },
        Usage(input=9, output=8, cache_read=3, cache_write=2, reasoning=7),
    ),
    ("embeddings", {"prompt_tokens": 8, "total_tokens": 8}, Usage(input=8)),
    ("deepseek", {"prompt_tokens": 9, "completion_tokens": 1, "prompt_cache_hit_tokens": 4},
     Usage(input=9, output=1, cache_read=4)),
    ("audio", {"prompt_tokens": 9, "completion_tokens": 6, "prompt_tokens_details": {"audio_tokens": 5},
               "completion_tokens_details": {"audio_tokens": 4}},
     Usage(input=9, output=6, input_audio=5, output_audio=4)),
    ("openrouter", {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.0000015},
     Usage(input=1, output=1, reported_nano_usd=1500)),
    ("xai", {"prompt_tokens": 1, "completion_tokens": 1, "cost_in_usd_ticks": 15001},
     Usage(input=1, output=1, reported_nano_usd=1501)),
    ("predictions", {"prompt_tokens": 9, "completion_tokens": 6, "total_tokens": 15, "completion_tokens_details": {
        "accepted_prediction_tokens": 2, "rejected_prediction_tokens": 3}},
     Usage(input=9, output=6, accepted_prediction=2, rejected_prediction=3)),
    ("lifetimes of what is written to a cache",
     {"input_tokens": 9, "output_tokens": 6, "input_tokens_details": {
         "cache_write_tokens": 7, "cache_write_tokens_details": {"ttl_30m_tokens": 4, "ttl_12h_tokens": 3}}},
     Usage(input=9, output=6, cache_write=7, cache_write_long=3)),
    ("xai's chat, whose reasoning only the sum shows",
     {"prompt_tokens": 9, "completion_tokens": 6, "total_tokens": 35,
      "completion_tokens_details": {"reasoning_tokens": 20}},
     Usage(input=9, output=26, reasoning=20)),
    ("a sum that tells of more", {"prompt_tokens": 9, "completion_tokens": 6, "total_tokens": 40},
     Usage(input=9, output=6, reported_total=40, suspect=True)),
    ("perplexity's deep research",
     {"prompt_tokens": 33, "completion_tokens": 7163, "total_tokens": 7196, "citation_tokens": 20016,
      "num_search_queries": 21, "reasoning_tokens": 180198, "cost": {"total_cost": 1.25}},
     Usage(input=33, output=207377, reasoning=180198, citation=20016, web_searches=21,
           reported_nano_usd=1_250_000_000)),
    ("vllm behind mistral's server", {"prompt_tokens": 10, "completion_tokens": 2, "num_cached_tokens": 9},
     Usage(input=10, output=2, cache_read=9)),
    ("a server of llama.cpp that only tells timings", {"prompt_n": 4, "cache_n": 6, "predicted_n": 3},
     Usage(input=10, output=3, cache_read=6)),
    ("xai's tools", {"input_tokens": 9, "output_tokens": 6, "server_side_tool_usage_details": {
        "web_search_calls": 2, "x_search_calls": 1, "code_interpreter_calls": 3}},
     Usage(input=9, output=6, web_searches=2, units=Units(social_searches=1, code_executions=3))),
    ("mistral's audio", {"prompt_tokens": 9, "completion_tokens": 6, "prompt_audio_seconds": 12},
     Usage(input=9, output=6, units=Units(audio_ms=12_000))),
    ("openrouter with a key of the user's own",
     {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.001, "is_byok": True,
      "cost_details": {"upstream_inference_cost": 0.02}},
     Usage(input=1, output=1, reported_nano_usd=21_000_000)),
    ("the same, and nobody tells the rest",
     {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.001, "is_byok": True}, Usage(input=1, output=1)),
    ("a cost in another currency",
     {"prompt_tokens": 1, "completion_tokens": 1, "cost": {"total_cost": 3, "currency": "EUR"}},
     Usage(input=1, output=1)),
    ("more cached than there is", {"prompt_tokens": 3, "completion_tokens": 1,
                                   "prompt_tokens_details": {"cached_tokens": 5}},
     Usage(input=3, output=1, cache_read=5, suspect=True)),
    ("negative", {"prompt_tokens": -3, "completion_tokens": 1}, Usage(output=1, suspect=True)),
    ("fractions", {"prompt_tokens": 3.0, "completion_tokens": 1.9}, Usage(input=3, output=1)),
    ("beyond belief", {"prompt_tokens": 10**18, "completion_tokens": 1}, None),
    ("words", {"prompt_tokens": "3", "completion_tokens": "1"}, None),
    ("nulls", {"prompt_tokens": None, "completion_tokens": None}, None),
    ("a list", [1], None),
    ("nothing", None, None),
]  # fmt: skip


@pytest.mark.parametrize(("block", "usage"), [(b, u) for _, b, u in BLOCKS], ids=[n for n, _, _ in BLOCKS])
def test_a_usage_block_is_read_as_its_provider_means_it(block: Any, usage: Usage | None) -> None:
    assert read_usage(block) == usage


def ask(document: Any, **more: Any) -> None:
    with client_of(answering(document)) as client:
        client.chat.completions.create(model=more.pop("model", MODEL), messages=said("x" * 40), **more)


def test_an_answer_without_usage_is_estimated_and_says_so(metered: Telemetry) -> None:
    ask(completion())
    found = metered.attributes
    assert found[names.SPANLEDGER_USAGE_ESTIMATED] is True
    assert (found[names.GEN_AI_USAGE_INPUT_TOKENS], found[names.GEN_AI_USAGE_OUTPUT_TOKENS]) == (11, 1)
    assert found[names.SPANLEDGER_PRICE_STATUS] == "priced"


def test_usage_that_contradicts_itself_is_flagged_suspect(metered: Telemetry) -> None:
    ask(completion(usage={"prompt_tokens": 3, "completion_tokens": 1, "prompt_tokens_details": {"cached_tokens": 5}}))
    found = metered.attributes
    assert found[names.SPANLEDGER_USAGE_SUSPECT] is True
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] == 3
    assert found[names.GEN_AI_USAGE_COST_AMOUNT] > 0
    assert names.SPANLEDGER_USAGE_ESTIMATED not in found


def test_a_cost_that_the_provider_tells_is_the_cost(metered: Telemetry) -> None:
    ask(completion(usage={"prompt_tokens": 10, "completion_tokens": 1, "cost": 0.25}))
    assert metered.attributes[names.GEN_AI_USAGE_COST_AMOUNT] == 0.25
    assert metered.attributes[names.GEN_AI_USAGE_COST_SOURCE] == "provider"


def test_a_model_without_a_price_is_unpriced_and_counted(metered: Telemetry) -> None:
    ask(completion(usage=USAGE) | {"model": "house-model"}, model="house-model")
    found = metered.attributes
    assert found[names.SPANLEDGER_PRICE_STATUS] == "unpriced"
    assert not [key for key in found if key.startswith("gen_ai.usage.cost")]
    ((labels, count),) = metered.points("spanledger.unpriced_calls")
    assert (labels[names.GEN_AI_REQUEST_MODEL], count) == ("house-model", 1)
    assert metered.points("spanledger.cost") == []


def test_an_unknown_answering_model_is_priced_by_the_one_that_was_asked(metered: Telemetry) -> None:
    ask(completion(usage=USAGE) | {"model": "internal-name-of-a-gateway"})
    assert metered.attributes[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(24e-6)


def test_a_flex_tier_is_priced_as_such(metered: Telemetry) -> None:
    ask(completion(usage=USAGE) | {"model": "o4-mini", "service_tier": "flex"}, model="o4-mini", service_tier="auto")
    ask(completion(usage=USAGE) | {"model": "o4-mini", "service_tier": "default"}, model="o4-mini")
    flex, standard = (said[names.GEN_AI_USAGE_COST_AMOUNT] for said in metered.said)
    assert flex == pytest.approx(standard / 2, rel=1e-3)


def test_tools_that_the_model_asks_for_are_named(metered: Telemetry) -> None:
    tool = {"id": "1", "type": "function", "function": {"name": "search", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [tool, tool]}
    ask(completion(usage=USAGE) | {"choices": [{"index": 0, "finish_reason": "tool_calls", "message": message}]})
    assert metered.attributes[names.SPANLEDGER_RESPONSE_TOOL_CALLS] == ("search", "search")
    assert metered.attributes[names.GEN_AI_RESPONSE_FINISH_REASONS] == ("tool_calls",)


def test_tools_of_a_stream_are_named_once(metered: Telemetry, client: openai.OpenAI) -> None:
    tools: Any = [{"type": "function", "function": {"name": "search_courses", "parameters": {"type": "object"}}}]
    asked = client.chat.completions.create(
        model=MODEL, messages=said(), tools=tools, tool_choice="required", stream=True
    )
    list(asked)
    assert metered.attributes[names.SPANLEDGER_RESPONSE_TOOL_CALLS] == ("search_courses",)


def test_json_that_was_asked_for_and_did_not_come_is_noted(metered: Telemetry) -> None:
    ask(completion(usage=USAGE), response_format={"type": "json_object"})
    assert metered.attributes[names.SPANLEDGER_RESPONSE_SCHEMA_VALID] is False


def test_what_the_request_asked_for_is_on_the_span(metered: Telemetry) -> None:
    ask(completion(usage=USAGE), temperature=0, top_p=0.5, frequency_penalty=1, presence_penalty=-1, seed=7, n=3,
        max_completion_tokens=9, stop=["a", "b"], service_tier="flex")  # fmt: skip
    found = metered.attributes
    assert {k: found[k] for k in found if k.startswith(("gen_ai.request", "openai.request"))} == {
        names.GEN_AI_REQUEST_MODEL: MODEL,
        names.GEN_AI_REQUEST_TEMPERATURE: 0.0,
        names.GEN_AI_REQUEST_TOP_P: 0.5,
        names.GEN_AI_REQUEST_FREQUENCY_PENALTY: 1.0,
        names.GEN_AI_REQUEST_PRESENCE_PENALTY: -1.0,
        names.GEN_AI_REQUEST_SEED: 7,
        names.GEN_AI_REQUEST_CHOICE_COUNT: 3,
        names.GEN_AI_REQUEST_MAX_TOKENS: 9,
        names.GEN_AI_REQUEST_STOP_SEQUENCES: ("a", "b"),
        names.OPENAI_REQUEST_SERVICE_TIER: "flex",
    }


@pytest.mark.parametrize(
    ("method", "path", "operation"),
    [
        ("post", "/chat/completions", "chat"),
        ("post", "chat/completions?api-version=1", "chat"),
        ("post", "/deployments/gpt-4o/chat/completions", "chat"),
        ("post", "/openai/deployments/gpt-4o/embeddings", "embeddings"),
        ("post", "/responses/compact", "chat"),
        ("get", "/responses/resp_1", "chat"),
        ("get", "/responses/resp_1/input_items", None),
        ("post", "/responses/resp_1/cancel", "chat"),
        ("get", "/chat/completions", None),
        ("post", "/files", None),
    ],
)
def test_only_paths_that_make_a_model_work_are_calls(method: str, path: str, operation: str | None) -> None:
    found = endpoint(method, path)
    assert (found.operation if found else None) == operation
