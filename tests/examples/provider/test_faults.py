"""Faults on wish: the errors the real client raises, and bodies that are not what was promised."""

from __future__ import annotations

import time
from typing import Any

import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletion

from provider import Provider, Settings


def ask(client: openai.OpenAI, said: str, **more: Any) -> ChatCompletion:
    given: Any = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": said}], **more}
    answer: ChatCompletion = client.chat.completions.create(**given)
    return answer


def stream(client: openai.OpenAI, said: str) -> list[str]:
    messages: list[Any] = [{"role": "user", "content": said}]
    chunks = client.chat.completions.create(model="gpt-4o-mini", messages=messages, stream=True)
    return [chunk.choices[0].delta.content or "" for chunk in chunks]


@pytest.mark.parametrize(
    ("fault", "error", "code"),
    [
        ("400", openai.BadRequestError, None),
        ("401", openai.AuthenticationError, "invalid_api_key"),
        ("403", openai.PermissionDeniedError, "unsupported_country_region_territory"),
        ("404", openai.NotFoundError, "model_not_found"),
        ("409", openai.ConflictError, None),
        ("422", openai.UnprocessableEntityError, None),
        ("429", openai.RateLimitError, "rate_limit_exceeded"),
        ("quota", openai.RateLimitError, "insufficient_quota"),
        ("context_length", openai.BadRequestError, "context_length_exceeded"),
        ("500", openai.InternalServerError, None),
        ("503", openai.InternalServerError, None),
    ],
)
def test_an_error_on_wish_is_the_real_error_and_costs_nothing(
    client: openai.OpenAI, provider: Provider, fault: str, error: type[openai.APIStatusError], code: str | None
) -> None:
    with pytest.raises(error) as caught:
        ask(client, f"hello <<fault={fault}>>")

    assert caught.value.code == code
    assert caught.value.request_id == provider.log()[0]["request_id"]
    assert provider.bill()["requests"] == 0
    assert provider.log()[0]["fault"] == fault


def test_a_fault_can_be_asked_for_by_header(client: openai.OpenAI) -> None:
    with pytest.raises(openai.InternalServerError):
        ask(client, "hello", extra_headers={"x-sim-fault": "500"})


def test_a_rate_limit_says_when_to_come_back(client: openai.OpenAI) -> None:
    with pytest.raises(openai.RateLimitError) as caught:
        ask(client, "hello <<fault=429 retry_after=0.05>>")

    assert caught.value.response.headers["retry-after-ms"] == "50"
    assert caught.value.response.headers["retry-after"] == "1"


def test_a_fault_for_some_times_gives_way_to_the_retries_of_the_client(
    client: openai.OpenAI, provider: Provider
) -> None:
    patient = client.with_options(max_retries=3)
    answer = ask(patient, "hello <<fault=429 times=2 retry_after=0.01>>")

    assert answer.choices[0].message.content
    log = provider.log()
    assert [entry["status"] for entry in log] == [429, 429, 200]
    assert [entry["headers"]["x-stainless-retry-count"] for entry in log] == ["0", "1", "2"]


def test_a_fault_counts_for_each_prompt_by_itself(client: openai.OpenAI) -> None:
    for said in ("one <<fault=500 times=1>>", "two <<fault=500 times=1>>"):
        with pytest.raises(openai.InternalServerError):
            ask(client, said)
        assert ask(client, said).choices


def test_an_unknown_wish_is_refused_with_the_known_ones(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match=r"unknown fault 'flood'.*stream_error"):
        ask(client, "hello <<fault=flood>>")
    with pytest.raises(openai.BadRequestError, match="unknown wish 'colour'"):
        ask(client, "hello <<colour=red>>")
    with pytest.raises(openai.BadRequestError, match="times=often needs a number"):
        ask(client, "hello <<fault=500 times=often>>")


def test_silence_lasts_until_the_client_gives_up(client: openai.OpenAI, provider: Provider) -> None:
    with pytest.raises(openai.APITimeoutError):
        ask(client.with_options(timeout=0.3), "hello <<fault=timeout>>")

    assert provider.bill()["requests"] == 0


def test_an_answer_can_be_delayed(client: openai.OpenAI) -> None:
    started = time.monotonic()
    ask(client, "hello <<delay_ms=200>>")

    assert time.monotonic() - started >= 0.2


def test_a_stream_can_be_slowed_down(client: openai.OpenAI) -> None:
    started = time.monotonic()
    stream(client, "hello <<output=5 gap_ms=20>>")

    assert time.monotonic() - started >= 0.14


def test_a_stream_that_breaks_was_billed_and_is_not_finished(client: openai.OpenAI, provider: Provider) -> None:
    with pytest.raises(openai.APIConnectionError):
        stream(client, "hello <<fault=disconnect after=4>>")

    assert provider.bill()["requests"] == 1
    assert provider.log()[0]["finished"] is False


def test_a_plain_answer_that_breaks_off_is_a_connection_error(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIConnectionError):
        ask(client, "hello <<fault=disconnect>>")


def test_an_error_can_come_in_the_middle_of_a_stream(client: openai.OpenAI) -> None:
    with pytest.raises(openai.APIError, match="The server had an error"):
        stream(client, "hello <<fault=stream_error>>")


def test_a_stream_can_end_without_its_closing_word(client: openai.OpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": "hello <<fault=no_done>>"}]
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=messages, stream=True)

    assert "[DONE]" not in raw.http_response.read().decode()


def test_who_hangs_up_on_a_stream_leaves_it_unfinished_but_billed(client: openai.OpenAI, provider: Provider) -> None:
    messages: list[Any] = [{"role": "user", "content": "hello <<output=500 gap_ms=5>>"}]
    with client.chat.completions.create(model="gpt-4o-mini", messages=messages, stream=True) as chunks:
        next(iter(chunks))

    assert provider.log()[0]["finished"] is False
    assert provider.bill()["output_tokens"] == 500


@pytest.mark.parametrize("fault", ["html", "empty", "invalid_json"])
def test_a_body_can_be_no_json_at_all(provider: Provider, client: openai.OpenAI, fault: str) -> None:
    messages: list[Any] = [{"role": "user", "content": f"hello <<fault={fault}>>"}]
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=messages)

    with pytest.raises(ValueError, match=r"Expecting|Unterminated"):
        raw.http_response.json()
    assert provider.bill()["requests"] == 1


@pytest.mark.parametrize(
    ("fault", "usage"),
    [
        ("usage_null", type(None)),
        ("usage_list", list),
        ("usage_strings", str),
        ("usage_words", str),
        ("usage_floats", float),
        ("usage_huge", int),
        ("usage_negative", int),
    ],
)
def test_usage_can_be_malformed(client: openai.OpenAI, fault: str, usage: type) -> None:
    messages: list[Any] = [{"role": "user", "content": f"hello <<fault={fault}>>"}]
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=messages)
    block = raw.http_response.json()["usage"]

    spoiled = block["prompt_tokens"] if isinstance(block, dict) else block
    assert isinstance(spoiled, usage)


@pytest.mark.parametrize("fault", ["usage_missing", "choices_missing", "choices_empty", "model_null", "wrong_shape"])
@pytest.mark.parametrize("path", ["chat", "responses"])
def test_a_body_can_lack_what_it_promised(client: openai.OpenAI, fault: str, path: str) -> None:
    said = f"hello <<fault={fault}>>"
    messages: list[Any] = [{"role": "user", "content": said}]
    raw: Any
    if path == "chat":
        raw = client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=messages)
    else:
        raw = client.responses.with_raw_response.create(model="gpt-4o-mini", input=said)
    body = raw.http_response.json()

    promised = {"usage_missing": "usage", "model_null": "model"}.get(fault, "choices" if path == "chat" else "output")
    assert not body.get(promised)


def test_a_provider_can_reject_stream_options(client: openai.OpenAI) -> None:
    wish = {"x-sim-fault": "reject_stream_options"}
    assert list(ask(client, "hello", stream=True, extra_headers=wish))
    with pytest.raises(openai.BadRequestError, match="stream_options"):
        ask(client, "hello", stream=True, stream_options={"include_usage": True}, extra_headers=wish)


class TestRejecting:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(reject_stream_options=True)

    def test_it_can_do_so_always(self, client: openai.OpenAI) -> None:
        with pytest.raises(openai.BadRequestError, match="stream_options"):
            ask(client, "hello", stream=True, stream_options={"include_usage": True})


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"messages": [{"role": "user", "content": "x"}]}, "must provide a model"),
        ({"model": "gpt-4o-mini"}, "Missing required parameter: 'messages'"),
        ({"model": "gpt-4o-mini", "messages": []}, "empty array"),
        ({"model": "gpt-4o-mini", "messages": ["x"]}, "Invalid request"),
        ({"model": "gpt-4o-mini", "messages": [{"role": "user"}], "stream_options": {}, "n": 1}, None),
        (
            {"model": "gpt-4o-mini", "messages": [{"role": "user"}], "stream_options": {"include_usage": True}},
            "only allowed when 'stream' is enabled",
        ),
        ({"model": "o3", "messages": [{"role": "user"}], "max_tokens": 5}, "max_completion_tokens"),
        (["no", "object"], "could not parse the JSON body"),
    ],
)
def test_a_wrong_request_is_told_what_is_wrong(provider: Provider, body: Any, message: str | None) -> None:
    reply = httpx2.post(f"{provider.base_url}/chat/completions", json=body, headers={"authorization": "Bearer k"})

    if message is None:
        assert reply.status_code == 200
    else:
        assert reply.status_code == 400
        assert message in reply.json()["error"]["message"]


def test_without_a_key_nothing_is_answered(provider: Provider) -> None:
    reply = httpx2.post(f"{provider.base_url}/responses", json={"model": "gpt-4o-mini", "input": "x"})

    assert reply.status_code == 401
    assert "didn't provide an API key" in reply.json()["error"]["message"]
