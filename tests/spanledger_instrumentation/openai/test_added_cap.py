"""A cap that a budget adds, before servers that know but one of its names: the app hears of it only if both fail."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import httpx2
import openai
import pytest
from tests.support.asking import COST, MODEL, said
from tests.support.budgeted import books, budgeted_everywhere
from tests.support.scripted import (
    URL,
    USAGE,
    asked_for_usage,
    async_client_of,
    chat_events,
    client_of,
    completion,
    streaming,
)

from spanledger.budget.store import Figures
from spanledger.semconv import names
from spanledger_instrumentation.openai.added import Added

NANO = 10**9
NAMES = ("max_completion_tokens", "max_tokens")
#: What Azure's API says of arguments that a version does not know, and OpenAI's of those that a model does not.
UNRECOGNIZED = "Unrecognized request arguments supplied: {}"
UNSUPPORTED = "Unsupported parameter: '{}' is not supported with this model."
TOO_LARGE = "{} is too large: 16385. This model supports at most 16384 completion tokens."


class Old:
    """Refuses certain fields, as API versions do that are older than those."""

    def __init__(self, *fields: str, says: str = UNRECOGNIZED, at_once: bool = True) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.fields = fields
        self.says = says
        self.at_once = at_once

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        body = json.loads(request.content)
        self.bodies.append(body)
        if odd := [field for field in self.fields if field in body]:
            return httpx2.Response(
                400,
                json={
                    "error": {"message": self.says.format(", ".join(odd if self.at_once else odd[:1])), "code": None}
                },
            )
        if body.get("stream"):
            return streaming(chat_events(asked_for_usage(request)))
        return httpx2.Response(200, json=completion(usage=USAGE))

    @property
    def caps(self) -> list[list[str]]:
        return [[name for name in NAMES if name in body] for body in self.bodies]


def test_a_cap_whose_newer_name_is_refused_is_sent_by_the_older_one_and_at_once_from_then_on() -> None:
    server = Old("max_completion_tokens")
    with budgeted_everywhere("global=0.01USD") as made, client_of(server) as client:
        for _ in range(2):
            client.chat.completions.create(model=MODEL, messages=said())
        assert books(made) == Figures(committed=2 * round(COST * NANO))
        assert [found[names.SPANLEDGER_BUDGET_OUTPUT_CAP] for found in made.said] == [
            body["max_tokens"] for body in server.bodies[1:]
        ]
    assert server.caps == [["max_completion_tokens"], ["max_tokens"], ["max_tokens"]]


def test_the_same_for_coroutines() -> None:
    server = Old("max_completion_tokens")

    async def ask() -> None:
        async with async_client_of(server) as client:
            await client.chat.completions.create(model=MODEL, messages=said())

    with budgeted_everywhere("global=0.01USD"):
        asyncio.run(ask())
    assert server.caps == [["max_completion_tokens"], ["max_tokens"]]


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one by one"])
def test_a_stream_may_be_refused_for_both_that_we_added(at_once: bool) -> None:
    server = Old("max_completion_tokens", "stream_options", at_once=at_once)
    with budgeted_everywhere("global=0.01USD") as made, client_of(server) as client:
        for _ in range(2):
            assert list(client.chat.completions.create(model=MODEL, messages=said(), stream=True))
        assert [found[names.SPANLEDGER_USAGE_ESTIMATED] for found in made.said] == [True, True]
    assert server.caps == [["max_completion_tokens"], *[["max_tokens"]] * (2 if at_once else 3)]
    assert ["stream_options" in body for body in server.bodies[-2:]] == [False, False]


def test_a_model_that_takes_but_the_newer_name_gets_it_where_the_older_is_usual() -> None:
    server = Old("max_tokens", says=UNSUPPORTED)
    with budgeted_everywhere("global=0.01USD"), client_of(server, "https://api.deepseek.com/v1") as client:
        client.chat.completions.create(model="deepseek-chat", messages=said())
    assert server.caps == [["max_tokens"], ["max_completion_tokens"]]


def test_a_server_that_refuses_both_names_tells_the_app() -> None:
    server = Old(*NAMES)
    with (
        budgeted_everywhere("global=0.01USD") as made,
        client_of(server) as client,
        pytest.raises(openai.BadRequestError, match="Unrecognized request arguments supplied: max_tokens"),
    ):
        client.chat.completions.create(model=MODEL, messages=said())
    assert server.caps == [["max_completion_tokens"], ["max_tokens"]]
    assert books(made) == Figures()
    assert made.one


@pytest.mark.parametrize("says", [TOO_LARGE, "no such deployment"])
def test_an_error_about_something_else_is_not_tried_again(says: str) -> None:
    server = Old("max_completion_tokens", says=says)
    with budgeted_everywhere("global=0.01USD"), client_of(server) as client, pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=MODEL, messages=said())
    assert len(server.bodies) == 1


def test_a_cap_of_the_apps_own_is_sent_as_it_is() -> None:
    server = Old("max_completion_tokens")
    with budgeted_everywhere("global=0.01USD"), client_of(server) as client, pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model=MODEL, messages=said(), max_completion_tokens=9)
    assert len(server.bodies) == 1


def test_a_server_that_was_found_to_refuse_both_names_is_asked_by_the_usual_one() -> None:
    added = Added({*NAMES})
    added.cap("max_completion_tokens", 9)
    assert added.fields == {"max_completion_tokens": 9}


def test_what_one_server_refuses_another_is_still_asked() -> None:
    old, new = Old("max_completion_tokens"), Old()
    with budgeted_everywhere("global=0.01USD"):
        with client_of(old) as client:
            client.chat.completions.create(model=MODEL, messages=said())
        with client_of(new, URL.replace("provider", "other")) as client:
            client.chat.completions.create(model=MODEL, messages=said())
    assert new.caps == [["max_completion_tokens"]]
