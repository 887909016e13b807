"""What nobody can meter is refused under a hard budget, and left alone everywhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import openai
import pytest
from tests.support.budgeted import budgeted
from tests.support.realtime import sockets

from provider import Provider
from spanledger.errors import BudgetExceeded
from spanledger.semconv import names

PATHS = {
    "/fine_tuning/jobs": "fine_tuning",
    "/threads/runs": "assistant_run",
    "/threads/thread_1/runs": "assistant_run",
    "/realtime/client_secrets": "realtime_session",
    "/realtime/calls/call_1/accept": "realtime_session",
    "/live/sessions": "live_session",
    "/agents/sessions": "agent_session",
    "/evals/eval_1/runs": "evaluation",
    "/videos": "video_generation",
    "/chatkit/sessions": "chatkit_session",
}


@pytest.mark.parametrize(("path", "operation"), PATHS.items())
def test_under_a_hard_budget_it_is_refused_and_one_span_says_so(
    client: openai.OpenAI, provider: Provider, key: str, path: str, operation: str
) -> None:
    with budgeted("global=10USD") as made:
        with pytest.raises(BudgetExceeded, match="not metered"):
            client.post(path, body={}, cast_to=object)
        assert made.attributes[names.GEN_AI_OPERATION_NAME] == operation
        assert made.attributes[names.SPANLEDGER_BUDGET_KIND] == "too_large"
    assert provider.bill(key)["hits"] == 0


@pytest.mark.parametrize("budgets", ["", "global=10USD,action=warn", "unbounded"])
def test_everywhere_else_it_goes(client: openai.OpenAI, budgets: str) -> None:
    policy: dict[str, Any] = {"unbounded": "window"} if budgets == "unbounded" else {}
    with budgeted("global=10USD" if policy else budgets, **policy) as made:
        for path in PATHS:
            with pytest.raises(openai.NotFoundError):
                client.post(path, body={}, cast_to=object)
        assert made.spans == []


def test_to_look_at_it_is_free(client: openai.OpenAI) -> None:
    with budgeted("global=0USD"), pytest.raises(openai.NotFoundError):
        client.get("/fine_tuning/jobs", cast_to=object)


Connects = Callable[[openai.OpenAI], Any]


@pytest.mark.parametrize(
    "connect", [lambda client: client.live.connect(), lambda c: c.realtime.translations.connect(model="m")]
)
def test_sessions_that_nobody_meters_are_refused_too(connect: Connects) -> None:
    with sockets() as server:
        client = openai.OpenAI(
            base_url=f"http://{server.url}", websocket_base_url=f"ws://{server.url}", api_key="sk-test"
        )
        with budgeted("global=10USD"), pytest.raises(BudgetExceeded, match="is not metered"):
            connect(client).enter()
        with budgeted(""), connect(client):
            pass
