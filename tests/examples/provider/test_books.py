"""The bill is the truth: it equals what every answer said, and it outlives the answer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from provider import Provider, serve, tokens
from provider.cache import PromptCache
from provider.limits import Bucket, Limits

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
ASKED: list[Any] = [{"role": "user", "content": "Name three rivers in Portugal."}]


def test_the_bill_is_the_sum_of_what_the_answers_said(client: openai.OpenAI, provider: Provider) -> None:
    chat = [client.chat.completions.create(model=m, messages=ASKED).usage for m in ("gpt-4o-mini", "o4-mini")]
    response = client.responses.create(model="gpt-4o-mini", input="Name a lake.").usage
    vectors = client.embeddings.create(model="text-embedding-3-small", input="a lake").usage
    legacy = client.completions.create(model="davinci-002", prompt="A lake is").usage
    stream = client.chat.completions.create(
        model="gpt-4o-mini", messages=ASKED, stream=True, stream_options={"include_usage": True}
    )
    streamed = list(stream)[-1].usage

    used = [usage for usage in (*chat, legacy, streamed) if usage]
    assert response is not None
    bill = provider.bill()
    assert bill["requests"] == bill["hits"] == 6
    assert bill["input_tokens"] == sum(u.prompt_tokens for u in used) + response.input_tokens + vectors.prompt_tokens
    assert bill["output_tokens"] == sum(u.completion_tokens for u in used) + response.output_tokens
    thoughts = [u.completion_tokens_details.reasoning_tokens or 0 for u in used if u.completion_tokens_details]
    assert bill["reasoning_tokens"] == sum(thoughts) > 0
    assert bill["by_model"]["gpt-4o-mini"]["requests"] == 3


def test_each_key_has_a_bill_of_its_own(client: openai.OpenAI, provider: Provider) -> None:
    client.chat.completions.create(model="gpt-4o-mini", messages=ASKED)
    client.with_options(api_key="sk-second").chat.completions.create(model="gpt-4o-mini", messages=ASKED)

    assert provider.bill()["requests"] == 2
    assert provider.bill("sk-second")["requests"] == 1
    assert len(provider.log("sk-second")) == 1


def test_the_log_has_path_headers_and_body_but_no_key(client: openai.OpenAI, provider: Provider) -> None:
    client.chat.completions.create(model="gpt-4o-mini", messages=ASKED, extra_headers={"x-mine": "1"})
    [entry] = provider.log()

    assert (entry["method"], entry["path"], entry["status"]) == ("POST", "/v1/chat/completions", 200)
    assert entry["body"] == {"model": "gpt-4o-mini", "messages": ASKED}
    assert entry["headers"]["x-mine"] == "1"
    assert "sk-simulated" not in str(entry)
    assert entry["finished"] is True


def test_bill_and_log_can_be_read_and_cleared_over_http(client: openai.OpenAI, provider: Provider) -> None:
    client.chat.completions.create(model="gpt-4o-mini", messages=ASKED)

    assert httpx2.get(f"{provider.url}/_bill").json() == provider.bill()
    assert httpx2.get(f"{provider.url}/_log", params={"key": "sk-nobody"}).json() == []
    httpx2.post(f"{provider.url}/_reset")
    assert (provider.bill()["hits"], provider.log()) == (0, [])


def test_two_providers_started_anew_answer_the_same_requests_alike() -> None:
    ids = []
    for _ in range(2):
        with serve() as fresh, openai.OpenAI(base_url=fresh.base_url, api_key="k") as client:
            ids.append([client.chat.completions.create(model="gpt-4o", messages=ASKED).id for _ in range(2)])

    assert ids[0] == ids[1]


@pytest.mark.parametrize("text", ["", "plain words", "a  b\n\n c\t", "émigré 漢字 №5", '{"k": [1, 2.5]}', "x" * 99])
def test_tokens_join_to_the_text_and_are_never_more_than_its_bytes(text: str) -> None:
    assert "".join(tokens.pieces(text)) == text
    assert tokens.count(text) <= len(text.encode())


def test_the_cache_grows_in_steps_and_belongs_to_one_owner() -> None:
    cache = PromptCache()
    words = [f"word{n}" for n in range(1500)]

    assert cache.read("ana", words[:1100]) == 0
    assert cache.read("ana", words) == 1024
    assert cache.read("ana", words) == 1024 + 3 * 128
    assert cache.read("ben", words) == 0
    assert cache.read("ana", ["other", *words]) == 0


def test_the_cache_forgets_the_oldest_when_it_is_full() -> None:
    cache = PromptCache(room=1)
    first, second = ["a"] * 1024, ["b"] * 1024
    for prompt in (first, second):
        cache.read("ana", prompt)

    assert cache.read("ana", second) == 1024
    assert cache.read("ana", first) == 0


def test_a_limit_fills_up_again_within_a_minute() -> None:
    now = [0.0]
    limits = Limits(requests=60, tokens=6000, clock=lambda: now[0])
    limits.take("m", 3000)
    now[0] = 15.0
    later = limits.take("m", 0)

    assert later["tokens"].remaining == 4500
    assert later["requests"].remaining == 59
    assert later["tokens"].reset == "15s"


@pytest.mark.parametrize(("used", "shown"), [(0.01, "6ms"), (1.5, "900ms"), (30, "18s"), (100, "1m0s")])
def test_the_time_to_a_full_limit_is_written_as_the_provider_writes_it(used: float, shown: str) -> None:
    assert Bucket(100, used).reset == shown


def test_the_program_prints_its_address_serves_and_ends_on_a_signal() -> None:
    command = [sys.executable, "-W", "ignore", str(EXAMPLES / "provider"), "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert httpx2.get(f"{url}/healthz").json() == {"status": "ok"}
        process.terminate()
        assert process.wait(20) == 0


def test_a_taken_port_is_one_sentence_and_exit_code_2(provider: Provider) -> None:
    port = provider.url.rpartition(":")[2]
    command = [sys.executable, "-W", "ignore", str(EXAMPLES / "provider"), "--port", port]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert f"127.0.0.1:{port}" in done.stderr


def test_a_long_stream_does_not_hold_up_others(client: openai.OpenAI, provider: Provider) -> None:
    messages: list[Any] = [{"role": "user", "content": "hello <<output=1000 gap_ms=10>>"}]
    with client.chat.completions.create(model="gpt-4o-mini", messages=messages, stream=True) as slow:
        next(iter(slow))
        client.chat.completions.create(model="gpt-4o-mini", messages=ASKED)

    assert [entry["finished"] for entry in provider.log()] == [False, True]
