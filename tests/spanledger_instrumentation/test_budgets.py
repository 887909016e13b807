"""Budgets at every choke point: what leaves, what it is charged, and what the app sees of a refusal."""

from __future__ import annotations

import asyncio
from collections import Counter as Failures
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import anthropic
import httpx2
import openai
import pytest
from opentelemetry.trace import StatusCode
from tests.support import claude
from tests.support.asking import COST, MODEL, later, said
from tests.support.budgeted import books, budgeted_everywhere
from tests.support.waiting import until

from provider import Provider
from spanledger import BudgetExceeded
from spanledger.budget.store import Figures
from spanledger.semconv import names

NANO = 10**9


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_call_is_charged_what_it_cost_and_holds_nothing_after(client: openai.OpenAI, stream: bool) -> None:
    with budgeted_everywhere("global=1USD") as made:
        answer = client.chat.completions.create(model=MODEL, messages=said(), max_tokens=100, stream=stream)
        if isinstance(answer, openai.Stream):
            assert sum(1 for _ in answer) > 1
        assert books(made) == Figures(committed=round(COST * NANO))


def test_a_limit_of_nothing_lets_nothing_out(client: openai.OpenAI, provider: Provider, key: str) -> None:
    with budgeted_everywhere("global=0USD") as made:
        with pytest.raises(BudgetExceeded, match="budget global/total refused the call: exhausted") as refused:
            client.chat.completions.create(model=MODEL, messages=said())
        assert refused.value.__cause__ is None
        span = made.one
        assert span.status.status_code is StatusCode.ERROR
        assert made.attributes[names.ERROR_TYPE] == "spanledger.BudgetExceeded"
        assert made.attributes[names.SPANLEDGER_BUDGET_KIND] == "exhausted"
        (event,) = span.events
        assert event.name == names.EVENT_SPANLEDGER_BUDGET_HALT
        assert dict(event.attributes or {})[names.SPANLEDGER_BUDGET_LIMIT] == 0.0
    assert provider.log(key) == []


def test_a_client_that_retries_asks_once_and_makes_one_span(provider: Provider, key: str, http: httpx2.Client) -> None:
    retrying = openai.OpenAI(base_url=provider.base_url, api_key=key, max_retries=3, http_client=http)
    with budgeted_everywhere("global=0USD") as made:
        with pytest.raises(BudgetExceeded):
            retrying.chat.completions.create(model=MODEL, messages=said())
        assert len(made.metered) == 1
        assert books(made).refused == 1


def test_a_request_without_a_cap_is_sent_with_one_that_fits(
    client: openai.OpenAI, provider: Provider, key: str
) -> None:
    with budgeted_everywhere("global=0.01USD") as made:
        client.chat.completions.create(model=MODEL, messages=said("Tell me everything."))
        client.responses.create(model=MODEL, input="Tell me everything.")
        client.completions.create(model="gpt-3.5-turbo-instruct", prompt="Tell me everything.")
        caps = [one[names.SPANLEDGER_BUDGET_OUTPUT_CAP] for one in made.said]
    bodies = [entry["body"] for entry in provider.log(key)]
    assert bodies[0]["max_completion_tokens"] == caps[0] >= 4_096
    assert bodies[1]["max_output_tokens"] == caps[1] > 1_000
    assert bodies[2]["max_tokens"] == 16
    assert "max_completion_tokens" not in bodies[2]


def test_a_cap_that_caps_nothing_is_replaced(client: openai.OpenAI, provider: Provider, key: str) -> None:
    with budgeted_everywhere("global=0.01USD") as made:
        client.chat.completions.create(model=MODEL, messages=said(), max_tokens=-1)
        cap = made.attributes[names.SPANLEDGER_BUDGET_OUTPUT_CAP]
    (entry,) = provider.log(key)
    assert entry["body"]["max_tokens"] == cap
    assert "max_completion_tokens" not in entry["body"]


def test_without_a_hard_budget_no_request_is_changed(client: openai.OpenAI, provider: Provider, key: str) -> None:
    with budgeted_everywhere("global=0.01USD,action=warn"):
        client.chat.completions.create(model=MODEL, messages=said())
    (entry,) = provider.log(key)
    assert set(entry["body"]) == {"model", "messages"}


def test_the_apps_own_arguments_stay_as_they_are(client: openai.OpenAI) -> None:
    extra: dict[str, Any] = {"user": "u-1"}
    with budgeted_everywhere("global=0.01USD"):
        client.chat.completions.create(model=MODEL, messages=said(), extra_body=extra)
    assert extra == {"user": "u-1"}


def test_of_many_at_once_only_those_leave_that_fit(client: openai.OpenAI, provider: Provider, key: str) -> None:
    """An answer takes the whole hold but for some input: it leaves no room for another, however soon it comes."""
    whole = said("<<input=100 output=1000 delay_ms=200>> Hello")
    with budgeted_everywhere("global=0.0033USD") as made, ThreadPoolExecutor(30) as pool:

        def ask(_: int) -> bool:
            try:
                client.chat.completions.create(model=MODEL, messages=whole, max_tokens=1_000)
            except BudgetExceeded:
                return False
            return True

        served = sum(pool.map(ask, range(30)))
        assert served == len(provider.log(key)) == 5
        assert books(made).held == 0


def test_an_attempt_that_failed_without_a_bill_costs_nothing(client: openai.OpenAI) -> None:
    with budgeted_everywhere("global=1USD") as made:
        for name in ("status_429", "status_500", "status_400"):
            with pytest.raises(openai.APIStatusError):
                client.chat.completions.create(model=MODEL, messages=said(f"<<fault={name}>> Hi"), max_tokens=9)
        assert books(made) == Figures()


def test_a_connection_that_was_never_made_costs_nothing() -> None:
    nowhere = openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="k", max_retries=1)
    with budgeted_everywhere("global=1USD") as made:
        with pytest.raises(openai.APIConnectionError):
            nowhere.chat.completions.create(model=MODEL, messages=said(), max_tokens=9)
        assert books(made) == Figures()


def test_a_fallback_that_times_out_is_charged_although_the_first_choice_was_never_reached(
    provider: Provider, key: str, http: httpx2.Client
) -> None:
    first = openai.OpenAI(base_url="http://127.0.0.1:9/v1", api_key="k", max_retries=0)
    second = openai.OpenAI(base_url=provider.base_url, api_key=key, max_retries=0, timeout=0.5, http_client=http)
    asked: dict[str, Any] = {"model": MODEL, "messages": said("<<delay_ms=5000>> Hi"), "max_tokens": 1_000}
    with budgeted_everywhere("global=1USD") as made:
        try:
            first.chat.completions.create(**asked)
        except openai.APIConnectionError:
            with pytest.raises(openai.APITimeoutError):
                second.chat.completions.create(**asked)
        assert books(made).committed >= 600_000


def test_attempts_that_time_out_are_charged_and_the_one_that_does_not_fit_stays(
    provider: Provider, key: str, http: httpx2.Client
) -> None:
    impatient = openai.OpenAI(base_url=provider.base_url, api_key=key, max_retries=2, timeout=0.5, http_client=http)
    with budgeted_everywhere("global=0.0014USD") as made:
        with pytest.raises(BudgetExceeded):
            impatient.chat.completions.create(model=MODEL, messages=said("<<delay_ms=5000>> Hi"), max_tokens=1_000)
        figures = books(made)
        assert figures.held == 0
        assert figures.committed >= 2 * 600_000
        assert made.attributes[names.SPANLEDGER_BUDGET_CHARGED] == figures.committed / NANO
    assert until(lambda: len(provider.log(key)) >= 2)
    assert len(provider.log(key)) == 2


def test_a_stream_given_up_is_charged_what_was_seen_and_never_more_than_held(client: openai.OpenAI) -> None:
    with budgeted_everywhere("global=1USD") as made:
        stream = client.chat.completions.create(
            model=MODEL, messages=said("<<output=50>> Hi"), max_tokens=60, stream=True
        )
        next(iter(stream))
        stream.close()
        figures = books(made)
        assert figures.held == 0
        assert 0 < figures.committed <= 60 * 600 + 300 * 150
        assert made.attributes[names.SPANLEDGER_USAGE_ESTIMATED] is True
        assert made.attributes[names.GEN_AI_USAGE_COST_AMOUNT] == figures.committed / NANO


def test_a_stream_given_up_whose_request_does_not_show_its_input_is_charged_its_hold(client: openai.OpenAI) -> None:
    picture = {"type": "image_url", "image_url": {"url": "https://example.com/cat.png"}}
    asked: Any = [{"role": "user", "content": [picture, {"type": "text", "text": "<<output=50>> Hi"}]}]
    with budgeted_everywhere("global=1USD") as made:
        stream = client.chat.completions.create(model=MODEL, messages=asked, max_tokens=60, stream=True)
        next(iter(stream))
        stream.close()
        window = made.runtime.book.limits("openai", MODEL).context or 0
        assert books(made) == Figures(committed=window * 150 + 60 * 600)


def test_an_answer_that_is_never_read_is_charged_its_hold(client: openai.OpenAI) -> None:
    with budgeted_everywhere("global=1USD") as made:
        with client.chat.completions.with_streaming_response.create(model=MODEL, messages=said(), max_tokens=60):
            held = books(made).held
        assert books(made) == Figures(committed=held)
        assert held > 60 * 600


def test_a_stream_that_is_never_begun_is_charged_two_seconds_of_the_fastest_model(client: openai.OpenAI) -> None:
    with budgeted_everywhere("global=1USD") as made:
        client.chat.completions.create(model=MODEL, messages=said(), max_tokens=1_000, stream=True).close()
        assert 400 * 600 < books(made).committed < 500 * 600


def test_a_cancelled_call_is_charged_its_hold(provider: Provider, key: str) -> None:
    async def cancelled(client: openai.AsyncOpenAI) -> None:
        asking = client.chat.completions.create(model=MODEL, messages=said("<<delay_ms=5000>> Hi"), max_tokens=60)
        task = asyncio.ensure_future(asking)
        while not provider.log(key):  # noqa: ASYNC110  the provider is another thread's
            await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with budgeted_everywhere("global=1USD") as made:
        later(provider, key, cancelled)
        figures = books(made)
        assert figures.held == 0
        assert figures.committed >= 60 * 600


def test_a_model_without_a_price_does_not_leave(client: openai.OpenAI, provider: Provider, key: str) -> None:
    with budgeted_everywhere("global=1USD"), pytest.raises(BudgetExceeded) as refused:
        client.chat.completions.create(model="model-nobody-knows", messages=said(), max_tokens=9)
    assert refused.value.kind == "unpriced"
    assert provider.log(key) == []


def test_a_call_is_made_with_the_cheaper_model_where_the_dear_one_does_not_fit(
    client: openai.OpenAI, provider: Provider, key: str, tmp_path: Any
) -> None:
    path = tmp_path / "budgets.yaml"
    path.write_text(f"budgets:\n  - {{limit: 0.0005USD, action: downgrade, downgrade_to: {MODEL}}}\n")
    with budgeted_everywhere(str(path)) as made:
        client.chat.completions.create(model="gpt-4o", messages=said(), max_tokens=100)
        assert made.attributes[names.SPANLEDGER_BUDGET_DOWNGRADED_FROM] == "gpt-4o"
        assert made.attributes[names.GEN_AI_REQUEST_MODEL] == MODEL
        assert made.attributes[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(COST)
    (entry,) = provider.log(key)
    assert entry["body"]["model"] == MODEL


def test_a_warning_is_an_event_on_the_span_that_crossed_it_and_a_metric(client: openai.OpenAI) -> None:
    with budgeted_everywhere("global=1USD,warn=0.00003USD") as made:
        for _ in range(3):
            client.chat.completions.create(model=MODEL, messages=said(), max_tokens=100)
        events = [[event.name for event in span.events] for span in made.metered]
        assert events == [[], [names.EVENT_SPANLEDGER_BUDGET_WARNING], []]
        assert made.points(names.METRIC_SPANLEDGER_BUDGET_WARNINGS[0]) == [
            ({names.SPANLEDGER_BUDGET_NAME: "global/total"}, 1)
        ]


def test_budgets_are_told_as_metrics(client: openai.OpenAI) -> None:
    with budgeted_everywhere("global=1USD;run=0USD") as made:
        with pytest.raises(BudgetExceeded):
            client.chat.completions.create(model=MODEL, messages=said(), max_tokens=100)
        whose = {names.SPANLEDGER_BUDGET_NAME: "global/total", names.SPANLEDGER_BUDGET_SCOPE_VALUE: ""}
        run = {names.SPANLEDGER_BUDGET_NAME: "run/run", names.SPANLEDGER_BUDGET_SCOPE_VALUE: "*"}
        assert made.points("spanledger.budget.limit") == [(whose, 1.0), (run, 0.0)]
        assert made.points("spanledger.budget.remaining") == [(whose, 1.0), (run, 0.0)]
        refusals = {names.SPANLEDGER_BUDGET_NAME: "run/run", names.SPANLEDGER_BUDGET_KIND: "exhausted"}
        assert made.points("spanledger.budget.refusals") == [(refusals, 1)]


@pytest.fixture
def messages(provider: Provider, key: str) -> Iterator[anthropic.Anthropic]:
    with anthropic.Anthropic(base_url=provider.base_url.removesuffix("/v1"), api_key=key, max_retries=2) as made:
        yield made


def test_anthropics_client_asks_the_budgets_too(messages: anthropic.Anthropic, provider: Provider, key: str) -> None:
    with budgeted_everywhere("global=1USD") as made:
        messages.messages.create(model=claude.MODEL, messages=claude.said(), max_tokens=100)
        assert books(made) == Figures(committed=169_500)
    with budgeted_everywhere("global=0USD"), pytest.raises(BudgetExceeded):
        messages.messages.create(model=claude.MODEL, messages=claude.said(), max_tokens=100)
    assert len(provider.log(key)) == 1


class Unreadable(dict[str, Any]):
    """JSON to those who write it, and a failure to those who look something up in it."""

    def get(self, *_: Any) -> Any:
        raise RuntimeError("unreadable")


def test_a_request_that_we_fail_to_understand_is_refused_under_a_hard_budget(
    client: openai.OpenAI, provider: Provider, key: str, failures: Failures[tuple[str, str]]
) -> None:
    odd: dict[str, Any] = {"response_format": Unreadable(type="text")}
    with budgeted_everywhere("global=1USD"), pytest.raises(BudgetExceeded, match="cannot be understood") as refused:
        client.chat.completions.create(model=MODEL, messages=said(), extra_body=odd)
    assert refused.value.kind == "misconfigured"
    with budgeted_everywhere("global=1USD,action=warn"):
        client.chat.completions.create(model=MODEL, messages=said(), extra_body=odd)
    assert len(provider.log(key)) == 1
    assert set(failures) == {("openai", "RuntimeError")}
