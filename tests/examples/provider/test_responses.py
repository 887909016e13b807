"""The responses API."""

from __future__ import annotations

import json
from typing import Any

import openai
import pytest
from openai.types.responses import CompactedResponse, Response
from openai.types.responses.response_stream_event import ResponseStreamEvent
from pydantic import BaseModel, TypeAdapter

from provider import Provider

QUESTION = "How do bees find their way home?"
MODEL = "gpt-4o-mini"


def event_types(client: openai.OpenAI, **more: Any) -> list[str]:
    given = {"model": MODEL, "input": QUESTION, **more}
    return [event.type for event in client.responses.create(**given, stream=True)]


def squeezed(types: list[str]) -> list[str]:
    """The types with repetitions in a row taken out, without their common prefix."""
    return [kind.removeprefix("response.") for at, kind in enumerate(types) if types[at - 1 : at] != [kind]]


def test_a_response_has_exactly_the_published_shape(client: openai.OpenAI) -> None:
    raw = client.responses.with_raw_response.create(model=MODEL, input=QUESTION)
    body = raw.http_response.json()

    Response.model_validate(body)
    assert set(body) <= {*Response.model_fields, "store"}  # the API sends it, the client has no field for it
    assert body["model"] == "gpt-4o-mini-2024-07-18"
    assert body["status"] == "completed"
    assert raw.parse().output_text


def test_a_stream_tells_the_life_of_a_message_in_order(client: openai.OpenAI) -> None:
    assert squeezed(event_types(client)) == [
        "created",
        "in_progress",
        "output_item.added",
        "content_part.added",
        "output_text.delta",
        "output_text.done",
        "content_part.done",
        "output_item.done",
        "completed",
    ]


def test_every_event_has_the_published_shape_and_the_next_number(client: openai.OpenAI) -> None:
    raw = client.responses.with_raw_response.create(model="gpt-5-mini", input=QUESTION, stream=True)
    lines = raw.http_response.read().decode().splitlines()
    events = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    adapter: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)

    for event in events:
        adapter.validate_python(event)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    names = [line.removeprefix("event: ") for line in lines if line.startswith("event: ")]
    assert names == [event["type"] for event in events]


def test_a_stream_ends_with_what_a_plain_call_returns(client: openai.OpenAI) -> None:
    with client.responses.stream(model=MODEL, input=QUESTION) as stream:
        final = stream.get_final_response()
    plain = client.responses.create(model=MODEL, input=QUESTION)

    assert final.output_text == plain.output_text
    assert final.usage == plain.usage


def test_a_reasoning_model_thinks_in_an_item_of_its_own(client: openai.OpenAI) -> None:
    response = client.responses.create(model="o4-mini", input=QUESTION, reasoning={"effort": "low"})

    assert [item.type for item in response.output] == ["reasoning", "message"]
    assert response.usage is not None
    assert response.usage.output_tokens_details.reasoning_tokens >= 64


@pytest.mark.parametrize("stream", [False, True])
def test_a_cap_leaves_the_response_incomplete(client: openai.OpenAI, *, stream: bool) -> None:
    given: dict[str, Any] = {"model": MODEL, "input": QUESTION, "max_output_tokens": 16}
    if stream:
        last = list(client.responses.create(**given, stream=True))[-1]
        assert last.type == "response.incomplete"
        response = last.response
    else:
        response = client.responses.create(**given)

    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"
    assert response.usage is not None
    assert response.usage.output_tokens == 16


def test_a_tool_is_called_and_its_result_used(client: openai.OpenAI) -> None:
    schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
    tool: Any = {"type": "function", "name": "get_weather", "parameters": schema, "strict": True}
    first = client.responses.create(model=MODEL, input="What is the weather in Faro?", tools=[tool])
    [call] = first.output
    assert call.type == "function_call"
    assert json.loads(call.arguments) == {"city": "Faro"}

    second = client.responses.create(
        model=MODEL,
        previous_response_id=first.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "windy"}],
        tools=[tool],
    )
    assert "windy" in second.output_text
    assert first.usage
    assert second.usage
    assert second.usage.input_tokens > first.usage.input_tokens


def test_a_streamed_call_of_a_tool_has_events_of_its_own(client: openai.OpenAI) -> None:
    tool = {"type": "function", "name": "get_weather", "parameters": {"type": "object"}, "strict": False}

    assert squeezed(event_types(client, tools=[tool]))[2:-1] == [
        "output_item.added",
        "function_call_arguments.delta",
        "function_call_arguments.done",
        "output_item.done",
    ]


class Hive(BaseModel):
    queen: str
    workers: int


def test_a_structured_answer_is_parsed(client: openai.OpenAI) -> None:
    response = client.responses.parse(model=MODEL, input="queen: Bella\nworkers: 900", text_format=Hive)

    assert response.output_parsed == Hive(queen="Bella", workers=900)


def test_a_background_response_is_queued_then_at_work_then_done_and_billed_once(
    client: openai.OpenAI, provider: Provider
) -> None:
    queued = client.responses.create(model=MODEL, input=QUESTION, background=True)
    looks = [client.responses.retrieve(queued.id) for _ in range(3)]

    assert (queued.status, queued.usage) == ("queued", None)
    assert [look.status for look in looks] == ["in_progress", "completed", "completed"]
    assert looks[-1].usage is not None
    assert provider.bill()["requests"] == 1
    assert provider.bill()["output_tokens"] == looks[-1].usage.output_tokens


def test_a_background_response_can_be_cancelled(client: openai.OpenAI) -> None:
    queued = client.responses.create(model=MODEL, input=QUESTION, background=True)

    assert client.responses.cancel(queued.id).status == "cancelled"
    assert client.responses.retrieve(queued.id).status == "cancelled"


def test_only_a_background_response_can_be_cancelled(client: openai.OpenAI) -> None:
    plain = client.responses.create(model=MODEL, input=QUESTION)

    with pytest.raises(openai.BadRequestError, match="background=true"):
        client.responses.cancel(plain.id)


def test_a_stream_can_be_taken_up_again_after_a_number(client: openai.OpenAI) -> None:
    first = list(client.responses.create(model=MODEL, input=QUESTION, stream=True, background=True))
    assert first[0].type == "response.created"
    rest = list(client.responses.retrieve(first[0].response.id, stream=True, starting_after=4))

    assert rest == first[5:]
    assert first[1].type == "response.queued"


def test_a_deleted_response_is_gone(client: openai.OpenAI) -> None:
    response = client.responses.create(model=MODEL, input=QUESTION)
    client.responses.delete(response.id)

    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)


def test_a_response_that_is_not_stored_cannot_be_retrieved(client: openai.OpenAI) -> None:
    response = client.responses.create(model=MODEL, input=QUESTION, store=False)

    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve(response.id)


def test_the_input_of_a_response_can_be_listed(client: openai.OpenAI) -> None:
    response = client.responses.create(model=MODEL, input=QUESTION)
    [item] = client.responses.input_items.list(response.id).data

    assert item.type == "message"
    assert item.content[0].type == "input_text"
    assert item.content[0].text == QUESTION


def test_a_conversation_is_compacted_for_a_price(client: openai.OpenAI, provider: Provider) -> None:
    first = client.responses.create(model=MODEL, input=QUESTION)
    raw = client.responses.with_raw_response.compact(model=MODEL, previous_response_id=first.id)
    body = raw.http_response.json()

    assert set(body) <= set(CompactedResponse.model_fields)
    assert [item["type"] for item in body["output"]] == ["message", "compaction"]
    billed = provider.log()[-1]["tokens"]
    assert (billed["input_tokens"], billed["output_tokens"]) == (
        body["usage"]["input_tokens"],
        body["usage"]["output_tokens"],
    )


def test_input_tokens_are_counted_without_being_billed(client: openai.OpenAI, provider: Provider) -> None:
    counted = client.responses.input_tokens.count(model=MODEL, input=QUESTION)
    response = client.responses.create(model=MODEL, input=QUESTION)

    assert response.usage is not None
    assert counted.input_tokens == response.usage.input_tokens
    assert provider.bill()["requests"] == 1
