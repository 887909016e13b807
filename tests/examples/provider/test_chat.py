"""Chat completions: what the real client gets from the simulated provider."""

from __future__ import annotations

import asyncio
from typing import Any

import openai
import pytest
from openai.types import CompletionUsage
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from provider import Provider

ASKED: list[Any] = [{"role": "user", "content": "Which database suits a small bookshop?"}]


def chunks(client: openai.OpenAI, **more: Any) -> list[ChatCompletionChunk]:
    given = {"model": "gpt-4o-mini", "messages": ASKED, **more}
    return list(client.chat.completions.create(**given, stream=True))


def used(usage: CompletionUsage | None) -> tuple[int, int, int, int]:
    """Input, cached, output and reasoning tokens."""
    assert usage is not None
    assert usage.prompt_tokens_details is not None
    assert usage.completion_tokens_details is not None
    cached, reasoning = usage.prompt_tokens_details.cached_tokens, usage.completion_tokens_details.reasoning_tokens
    return usage.prompt_tokens, cached or 0, usage.completion_tokens, reasoning or 0


def text(chunks: list[ChatCompletionChunk], index: int = 0) -> str:
    parts = [c.delta.content or "" for chunk in chunks for c in chunk.choices if c.index == index]
    return "".join(parts)


def test_an_answer_has_exactly_the_published_shape(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=ASKED)
    body = raw.http_response.json()

    ChatCompletion.model_validate(body)
    assert set(body) <= set(ChatCompletion.model_fields)
    assert body["model"] == "gpt-4o-mini-2024-07-18"
    assert body["choices"][0]["message"]["content"]
    assert body["choices"][0]["finish_reason"] == "stop"
    assert body["usage"]["total_tokens"] == body["usage"]["prompt_tokens"] + body["usage"]["completion_tokens"]
    assert body["usage"]["completion_tokens_details"]["audio_tokens"] == 0


def test_the_same_prompt_is_answered_alike_but_under_another_id(client: openai.OpenAI) -> None:
    first, second = (client.chat.completions.create(model="gpt-4o-mini", messages=ASKED) for _ in range(2))

    assert first.choices[0].message.content == second.choices[0].message.content
    assert first.id != second.id


def test_the_headers_tell_the_request_id_and_what_is_left_of_the_limits(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=ASKED)

    assert raw.headers["x-request-id"].startswith("req_")
    assert int(raw.headers["openai-processing-ms"]) >= 0
    assert raw.headers["x-ratelimit-limit-requests"] == "30000"
    assert raw.headers["x-ratelimit-remaining-requests"] == "29999"
    assert int(raw.headers["x-ratelimit-remaining-tokens"]) < int(raw.headers["x-ratelimit-limit-tokens"])
    assert raw.headers["x-ratelimit-reset-tokens"].endswith("ms")


def test_an_async_client_gets_the_same_answer(client: openai.OpenAI, provider: Provider) -> None:
    async def ask() -> ChatCompletion:
        async with openai.AsyncOpenAI(base_url=provider.base_url, api_key="sk-other") as other:
            return await other.chat.completions.create(model="gpt-4o-mini", messages=ASKED)

    plain = client.chat.completions.create(model="gpt-4o-mini", messages=ASKED)
    assert asyncio.run(ask()).choices == plain.choices


def test_an_async_stream_brings_the_same_text(client: openai.OpenAI, provider: Provider) -> None:
    async def ask() -> list[ChatCompletionChunk]:
        async with openai.AsyncOpenAI(base_url=provider.base_url, api_key="sk-other") as other:
            stream = await other.chat.completions.create(model="gpt-4o-mini", messages=ASKED, stream=True)
            return [chunk async for chunk in stream]

    assert text(asyncio.run(ask())) == text(chunks(client))


def test_a_stream_begins_with_the_role_and_ends_with_the_reason(client: openai.OpenAI) -> None:
    got = chunks(client)

    assert (got[0].choices[0].delta.role, got[0].choices[0].delta.content) == ("assistant", "")
    assert [c.choices[0].finish_reason for c in got] == [None] * (len(got) - 1) + ["stop"]
    assert len({c.id for c in got}) == 1
    whole = client.chat.completions.create(model="gpt-4o-mini", messages=ASKED)
    assert text(got) == whole.choices[0].message.content


def test_a_stream_says_nothing_about_usage_unless_asked(client: openai.OpenAI) -> None:
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=ASKED, stream=True)

    assert "usage" not in raw.http_response.read().decode()


def test_a_stream_that_is_asked_ends_with_a_chunk_of_usage_alone(client: openai.OpenAI) -> None:
    got = chunks(client, stream_options={"include_usage": True})

    assert all(chunk.usage is None and "usage" in chunk.model_fields_set for chunk in got[:-1])
    assert got[-1].choices == []
    whole = client.chat.completions.create(model="gpt-4o-mini", messages=ASKED)
    assert got[-1].usage == whole.usage


def test_several_answers_are_asked_once_and_differ(client: openai.OpenAI) -> None:
    one = client.chat.completions.create(model="gpt-4o-mini", messages=ASKED)
    three = client.chat.completions.create(model="gpt-4o-mini", messages=ASKED, n=3)

    assert len({choice.message.content for choice in three.choices}) == 3
    assert used(three.usage)[0] == used(one.usage)[0]
    assert used(three.usage)[2] > used(one.usage)[2]


def test_several_answers_can_be_streamed_side_by_side(client: openai.OpenAI) -> None:
    got = chunks(client, n=2)
    whole = client.chat.completions.create(model="gpt-4o-mini", messages=ASKED, n=2)

    assert [text(got, index) for index in (0, 1)] == [choice.message.content for choice in whole.choices]


def test_a_cap_cuts_the_answer_at_that_many_tokens(client: openai.OpenAI) -> None:
    cut = client.chat.completions.create(model="gpt-4o-mini", messages=ASKED, max_completion_tokens=7)

    assert cut.choices[0].finish_reason == "length"
    assert used(cut.usage)[2] == 7


def test_a_stop_text_ends_the_answer_before_it(client: openai.OpenAI) -> None:
    whole = client.chat.completions.create(model="gpt-4o-mini", messages=ASKED)
    stopped = client.chat.completions.create(model="gpt-4o-mini", messages=ASKED, stop=".")

    assert stopped.choices[0].message.content == (whole.choices[0].message.content or "").split(".")[0]


def test_a_reasoning_model_bills_thoughts_as_output(client: openai.OpenAI) -> None:
    low = client.chat.completions.create(model="gpt-5-mini", messages=ASKED, reasoning_effort="low")
    high = client.chat.completions.create(model="gpt-5-mini", messages=ASKED, reasoning_effort="high")

    assert low.model == "gpt-5-mini-2025-08-07"
    assert 0 < used(low.usage)[3] < used(high.usage)[3]
    assert used(low.usage)[2] > used(low.usage)[3]


def test_a_cap_below_the_thoughts_leaves_no_room_for_an_answer(client: openai.OpenAI) -> None:
    cut = client.chat.completions.create(model="o4-mini", messages=ASKED, max_completion_tokens=50)

    assert (cut.choices[0].message.content, cut.choices[0].finish_reason) == ("", "length")
    assert used(cut.usage)[2:] == (50, 50)


def test_a_long_prefix_seen_before_is_counted_as_cached(client: openai.OpenAI) -> None:
    rules = {"role": "system", "content": "Answer in the tone of a patient librarian. " * 200}

    def cached(question: str) -> int:
        messages: list[Any] = [rules, {"role": "user", "content": question}]
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=messages)
        return used(answer.usage)[1]

    assert cached("Where are the maps?") == 0
    again = cached("Where are the novels?")
    assert again >= 1024
    assert again % 128 == 0


def test_a_short_prefix_is_never_cached(client: openai.OpenAI) -> None:
    answers = [client.chat.completions.create(model="gpt-4o-mini", messages=ASKED) for _ in range(2)]
    assert [used(answer.usage)[1] for answer in answers] == [0, 0]


def test_a_picture_costs_input_tokens_by_its_detail(client: openai.OpenAI) -> None:
    def size(detail: str) -> int:
        picture = {"type": "image_url", "image_url": {"url": "https://example.com/a.png", "detail": detail}}
        content = [{"type": "text", "text": "What is this?"}, picture]
        messages: list[Any] = [{"role": "user", "content": content}]
        answer = client.chat.completions.create(model="gpt-4o-mini", messages=messages)
        return used(answer.usage)[0]

    assert size("high") - size("low") == 680


def test_a_prompt_can_ask_for_its_usage_to_the_token(client: openai.OpenAI) -> None:
    wish: list[Any] = [{"role": "user", "content": "Hello <<input=300 cached=128 output=20 reasoning=5>>"}]
    got = chunks(client, messages=wish, stream_options={"include_usage": True})

    assert used(got[-1].usage) == (300, 128, 20, 5)
    assert sum(bool(chunk.choices and chunk.choices[0].delta.content) for chunk in got) == 15


@pytest.mark.parametrize("asked", ["flex", "priority"])
def test_the_service_tier_asked_for_is_the_one_that_serves(client: openai.OpenAI, asked: Any) -> None:
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=ASKED, service_tier=asked)

    assert answer.service_tier == asked
