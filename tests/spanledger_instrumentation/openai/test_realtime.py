"""Websocket sessions: each turn is a call, metered from what ends it; a budget refuses before the server begins."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from tests.support.asking import COST, MODEL
from tests.support.budgeted import budgeted, figures
from tests.support.realtime import NANO, Sockets, sockets
from tests.support.telemetry import Telemetry
from websockets.exceptions import ConnectionClosed

import spanledger
from spanledger.errors import BudgetExceeded
from spanledger.semconv import names

REALTIME = "gpt-realtime"


@pytest.fixture(scope="module")
def server() -> Iterator[Sockets]:
    with sockets() as running:
        yield running


@pytest.fixture
def client(server: Sockets) -> Iterator[openai.OpenAI]:
    url = server.url
    with openai.OpenAI(base_url=f"http://{url}", websocket_base_url=f"ws://{url}", api_key="sk-test") as made:
        yield made


def until(connection: Any, kind: str) -> Any:
    """The next event of that kind."""
    while (event := connection.recv()).type != kind:
        pass
    return event


def turn(connection: Any, **response: Any) -> None:
    connection.response.create(response=response)
    until(connection, "response.done")


def test_a_turn_is_a_call_with_the_tokens_that_end_it(client: openai.OpenAI, metered: Telemetry) -> None:
    with client.realtime.connect(model=REALTIME) as connection:
        turn(connection, max_output_tokens=100)
        found = metered.attributes
    assert metered.one.name == f"chat {REALTIME}"
    assert found[names.GEN_AI_OPERATION_NAME] == "chat"
    assert (found[names.GEN_AI_RESPONSE_ID], found[names.GEN_AI_CONVERSATION_ID]) == ("resp_1", "conv_1")
    assert found[names.GEN_AI_RESPONSE_FINISH_REASONS] == ("stop",)
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] == 100
    assert found[names.GEN_AI_USAGE_AUDIO_INPUT_TOKENS] == 40
    assert found[names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS] == 30
    assert found[names.GEN_AI_USAGE_OUTPUT_TOKENS] == 50
    assert found[names.GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS] == 30
    assert found[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(NANO / 1e9)
    assert found[names.SERVER_ADDRESS] == "127.0.0.1"


def test_every_turn_is_a_call_of_its_own_for_who_asked(client: openai.OpenAI, metered: Telemetry) -> None:
    with client.realtime.connect(model=REALTIME) as connection:
        for tenant in ("a", "b"):
            with spanledger.run(tenant=tenant):
                turn(connection)
    assert [said[names.SPANLEDGER_TENANT_ID] for said in metered.said] == ["a", "b"]


def test_what_the_server_begins_and_writes_down_by_itself_is_metered(client: openai.OpenAI, metered: Telemetry) -> None:
    with spanledger.run(tenant="acme"), client.realtime.connect(model=REALTIME) as connection:
        connection.session.update(
            session={"type": "realtime", "audio": {"input": {"transcription": {"model": "gpt-4o-transcribe"}}}}
        )
        connection.input_audio_buffer.append(audio="speak")
        until(connection, "response.done")
    heard, answered = metered.said
    assert (heard[names.GEN_AI_OPERATION_NAME], heard[names.GEN_AI_REQUEST_MODEL]) == (
        "transcription",
        "gpt-4o-transcribe",
    )
    assert heard[names.GEN_AI_USAGE_INPUT_TOKENS] == 10
    assert answered[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(NANO / 1e9)
    assert heard[names.SPANLEDGER_TENANT_ID] == answered[names.SPANLEDGER_TENANT_ID] == "acme"


@pytest.mark.parametrize("beta", [False, True])
def test_async_sessions_are_metered_too(server: Sockets, metered: Telemetry, beta: bool) -> None:
    async def talk() -> None:
        async with openai.AsyncOpenAI(
            base_url=f"http://{server.url}", websocket_base_url=f"ws://{server.url}", api_key="sk-test"
        ) as client:
            realtime: Any = client.beta.realtime if beta else client.realtime
            async with realtime.connect(model=REALTIME) as connection:
                await connection.response.create()
                async for event in connection:
                    if event.type == "response.done":
                        break

    asyncio.run(talk())
    assert metered.attributes[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(NANO / 1e9)


def test_sessions_of_the_beta_are_metered_too(client: openai.OpenAI, metered: Telemetry) -> None:
    with client.beta.realtime.connect(model=REALTIME) as connection:
        connection.response.create()
        until(connection, "response.done")
    assert metered.attributes[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(NANO / 1e9)


def test_raw_messages_are_read_as_well(client: openai.OpenAI, metered: Telemetry) -> None:
    with client.realtime.connect(model=REALTIME) as connection:
        connection.send_raw('{"type": "response.create"}')
        while b"response.done" not in connection.recv_bytes():
            pass
    assert metered.attributes[names.GEN_AI_USAGE_COST_AMOUNT] == pytest.approx(NANO / 1e9)


@pytest.mark.parametrize("read", ["responses", "beta"])
def test_responses_over_a_websocket_are_metered(client: openai.OpenAI, metered: Telemetry, read: str) -> None:
    responses: Any = client.responses if read == "responses" else client.beta.responses
    with responses.connect() as connection:
        for _ in range(2):
            connection.response.create(model=MODEL, input="Hello")
            until(connection, "response.completed")
    assert [said[names.GEN_AI_USAGE_COST_AMOUNT] for said in metered.said] == [pytest.approx(COST)] * 2
    assert metered.said[0][names.GEN_AI_RESPONSE_MODEL] == "gpt-4o-mini-2024-07-18"
    assert metered.said[0][names.OPENAI_API_TYPE] == "responses"


def test_a_turn_that_failed_is_an_error(client: openai.OpenAI, metered: Telemetry) -> None:
    with client.realtime.connect(model=REALTIME) as connection:
        turn(connection, instructions="fail")
    assert metered.one.status.status_code.name == "ERROR"
    assert metered.attributes[names.ERROR_TYPE] == "server_error"


def test_a_turn_that_the_server_does_not_begin_is_an_error_and_holds_nothing(client: openai.OpenAI) -> None:
    with budgeted("global=10USD") as made, client.realtime.connect(model=REALTIME) as connection:
        connection.response.create(response={"instructions": "busy"})
        until(connection, "error")
        assert made.attributes[names.ERROR_TYPE] == "conversation_already_has_active_response"
        assert figures(made) == (0, 0)


def cut(connection: Any) -> None:
    connection.response.create(response={"instructions": "drop"})
    with pytest.raises(ConnectionClosed):
        until(connection, "response.done")


def closed(connection: Any) -> None:
    connection.response.create(response={"instructions": "hang"})
    until(connection, "response.output_audio.delta")
    connection.close()


@pytest.mark.parametrize(("end", "status"), [(cut, "ERROR"), (closed, "UNSET")])
def test_a_turn_that_is_given_up_is_estimated_by_what_was_heard(
    client: openai.OpenAI, metered: Telemetry, end: Callable[[Any], None], status: str
) -> None:
    with client.realtime.connect(model=REALTIME) as connection:
        turn(connection)
        end(connection)
    before, given_up = metered.metered
    found: dict[str, Any] = dict(given_up.attributes or {})
    assert names.SPANLEDGER_USAGE_ESTIMATED not in (before.attributes or {})
    assert found[names.SPANLEDGER_USAGE_ESTIMATED] is True
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] == 150  # all that was said before is read again
    assert found[names.GEN_AI_USAGE_OUTPUT_TOKENS] >= 4
    assert found[names.GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS] >= 2
    assert given_up.status.status_code.name == status


def test_a_connection_that_is_forgotten_ends_its_turn(client: openai.OpenAI, metered: Telemetry) -> None:
    connection = client.realtime.connect(model=REALTIME).enter()
    connection.response.create(response={"instructions": "hang"})
    until(connection, "response.output_audio.delta")
    raw = connection._connection.__wrapped__  # type: ignore[attr-defined]
    del connection
    gc.collect()
    assert metered.one.status.status_code.name == "UNSET"
    raw.close()


def test_a_turn_holds_its_window_and_settles_what_it_took(client: openai.OpenAI) -> None:
    with budgeted("global=10USD") as made, client.realtime.connect(model=REALTIME) as connection:
        connection.response.create(response={"max_output_tokens": 100})
        assert figures(made)[1] == 33_600 * 32_000 + 100 * 64_000
        until(connection, "response.done")
        assert figures(made) == (NANO, 0)


def test_a_turn_that_does_not_fit_is_refused_when_it_is_sent(client: openai.OpenAI, server: Sockets) -> None:
    before = len(server.sent)
    with budgeted("global=1USD") as made, client.realtime.connect(model=REALTIME) as connection:
        with pytest.raises(BudgetExceeded, match="too_large"):
            connection.response.create(response={"max_output_tokens": 100})
        assert made.one.status.status_code.name == "ERROR"
        assert (figures(made), server.sent[before:]) == ((0, 0), [])


def test_audio_that_may_make_the_server_answer_takes_the_hold_of_that_answer(client: openai.OpenAI) -> None:
    with budgeted("global=10USD") as made, client.realtime.connect(model=REALTIME) as connection:
        for audio in ("quiet", "quiet", "speak"):
            connection.input_audio_buffer.append(audio=audio)
            assert figures(made) == (0, 33_600 * (32_000 + 64_000))
        until(connection, "response.done")
        assert figures(made) == (NANO, 0)
        connection.input_audio_buffer.append(audio="quiet")
        assert figures(made)[1] > 0
    assert figures(made)[1] == 0


def test_audio_is_refused_where_there_is_no_room_for_an_answer(client: openai.OpenAI) -> None:
    with budgeted("global=1USD"), client.realtime.connect(model=REALTIME) as connection:
        with pytest.raises(BudgetExceeded, match="too_large"):
            connection.input_audio_buffer.append(audio="speak")
        silent: Any = {
            "type": "realtime",
            "audio": {"input": {"turn_detection": {"type": "server_vad", "create_response": False}}},
        }
        connection.session.update(session=silent)
        until(connection, "session.updated")
        connection.input_audio_buffer.append(audio="quiet")


def test_responses_over_a_websocket_are_held_and_settled(client: openai.OpenAI) -> None:
    with budgeted("global=1USD") as made, client.responses.connect() as connection:
        connection.response.create(model=MODEL, input="Hello", max_output_tokens=100)
        assert 100 * 600 < figures(made)[1] < 200_000
        until(connection, "response.completed")
        assert figures(made) == (round(COST * 1e9), 0)


def test_a_limit_of_nothing_refuses_responses_over_a_websocket(client: openai.OpenAI) -> None:
    with budgeted("global=0USD"), client.responses.connect() as connection, pytest.raises(BudgetExceeded):
        connection.response.create(model=MODEL, input="Hello")


def test_async_turns_are_refused_too(server: Sockets) -> None:
    async def talk() -> None:
        async with (
            openai.AsyncOpenAI(
                base_url=f"http://{server.url}", websocket_base_url=f"ws://{server.url}", api_key="sk-test"
            ) as client,
            client.realtime.connect(model=REALTIME) as connection,
        ):
            await connection.response.create()

    with budgeted("global=1USD"), pytest.raises(BudgetExceeded, match="too_large"):
        asyncio.run(talk())
