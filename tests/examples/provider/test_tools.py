"""Tool calls and structured output."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any, Literal

import openai
import pytest
from pydantic import BaseModel, Field, TypeAdapter

from provider.content.pattern import sample
from provider.content.prompt import Prompt
from provider.content.schema import fill


def tool(name: str, description: str, **properties: Any) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    function = {"name": name, "description": description, "parameters": schema}
    return {"type": "function", "function": function}


WEATHER = tool("get_weather", "Weather of a city", city={"type": "string"}, unit={"enum": ["celsius", "kelvin"]})
CLOCK = tool("get_time", "Local time of a city", city={"type": "string"})
ASKED: list[Any] = [{"role": "user", "content": "What is the weather in Lisbon in kelvin?"}]
TOOLS: list[Any] = [CLOCK, WEATHER]


def test_the_model_calls_the_tool_that_fits_with_arguments_from_the_question(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=ASKED, tools=TOOLS)
    choice = answer.choices[0]

    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    [call] = choice.message.tool_calls or []
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"city": "Lisbon", "unit": "kelvin"}


def test_a_streamed_call_opens_with_its_name_and_adds_up_to_the_same_arguments(client: openai.OpenAI) -> None:
    stream = client.chat.completions.create(model="gpt-4o-mini", messages=ASKED, tools=TOOLS, stream=True)
    deltas = [chunk.choices[0].delta for chunk in stream]

    assert deltas[0].role == "assistant"
    calls = [call for delta in deltas for call in delta.tool_calls or []]
    functions = [call.function for call in calls if call.function]
    assert functions[0].name == "get_weather"
    assert {call.index for call in calls} == {0}
    written = "".join(function.arguments or "" for function in functions)
    assert json.loads(written) == {"city": "Lisbon", "unit": "kelvin"}


def test_after_the_result_the_model_answers_with_it(client: openai.OpenAI) -> None:
    first = client.chat.completions.create(model="gpt-4o-mini", messages=ASKED, tools=TOOLS)
    called = first.choices[0].message
    assert called.tool_calls
    result = {"role": "tool", "tool_call_id": called.tool_calls[0].id, "content": "285 K and sunny"}
    messages: list[Any] = [*ASKED, called.model_dump(exclude_none=True), result]

    second = client.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=TOOLS)

    assert second.choices[0].finish_reason == "stop"
    assert "285 K and sunny" in (second.choices[0].message.content or "")


def test_a_question_that_names_two_tools_gets_both_calls(client: openai.OpenAI) -> None:
    messages: list[Any] = [{"role": "user", "content": "Use get_weather and get_time for Porto."}]
    stream = client.chat.completions.create(model="gpt-4o-mini", messages=messages, tools=TOOLS, stream=True)
    calls = [call for chunk in stream for call in chunk.choices[0].delta.tool_calls or []]

    names = {call.index: call.function.name for call in calls if call.function and call.function.name}
    assert names == {0: "get_time", 1: "get_weather"}


def test_tool_choice_none_is_answered_in_words(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=ASKED, tools=TOOLS, tool_choice="none")

    assert answer.choices[0].message.tool_calls is None
    assert answer.choices[0].message.content


def test_a_forced_function_is_called_whatever_the_question(client: openai.OpenAI) -> None:
    forced: Any = {"type": "function", "function": {"name": "get_time"}}
    answer = client.chat.completions.create(model="gpt-4o-mini", messages=ASKED, tools=TOOLS, tool_choice=forced)

    names = [call.function.name for call in answer.choices[0].message.tool_calls or [] if call.type == "function"]
    assert names == ["get_time"]
    assert answer.choices[0].finish_reason == "stop"


class Mood(StrEnum):
    CALM = "calm"
    ANGRY = "angry"


class Ticket(BaseModel):
    ticket_id: str
    mood: Mood
    priority: int = Field(ge=1, le=5)
    score: float = Field(gt=0, lt=1)
    urgent: bool
    tags: list[str] = Field(min_length=2, max_length=3)
    assignee: str | None
    reply: str = Field(min_length=10)


def test_a_structured_answer_conforms_and_takes_its_values_from_the_prompt(client: openai.OpenAI) -> None:
    said = "ticket_id: T-482\nAn angry customer writes about a broken lamp. priority: 4"
    answer = client.chat.completions.parse(
        model="gpt-4o-mini", messages=[{"role": "user", "content": said}], response_format=Ticket
    )
    ticket = answer.choices[0].message.parsed

    assert ticket is not None
    assert (ticket.ticket_id, ticket.mood, ticket.priority) == ("T-482", Mood.ANGRY, 4)


def test_a_structured_answer_cut_by_its_cap_is_not_parsed(client: openai.OpenAI) -> None:
    with pytest.raises(openai.LengthFinishReasonError):
        client.chat.completions.parse(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": "a ticket"}],
            response_format=Ticket,
            max_completion_tokens=5,
        )


def test_json_mode_answers_with_an_object(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(
        model="gpt-4o-mini",
        messages=[{"role": "user", "content": "Describe tulips as json"}],
        response_format={"type": "json_object"},
    )

    assert isinstance(json.loads(answer.choices[0].message.content or ""), dict)


def test_json_mode_insists_on_the_word_json(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError, match="must contain the word 'json'"):
        client.chat.completions.create(
            model="gpt-4o-mini",
            messages=[{"role": "user", "content": "Describe tulips"}],
            response_format={"type": "json_object"},
        )


class Leaf(BaseModel):
    kind: Literal["leaf"]
    weight: float


class Branch(BaseModel):
    kind: Literal["branch"]
    below: list[Branch | Leaf]


class Odd(BaseModel):
    code: str = Field(pattern=r"^[A-Z]{3}-\d{2,4}(x|y)?$")
    even: int = Field(multiple_of=2, gt=10, le=14)
    pair: tuple[int, str]
    unique: set[int]
    free: dict[str, int]
    tree: Branch
    when: str = Field(json_schema_extra={"format": "date-time"})


@pytest.mark.parametrize("shape", [Ticket, Odd, Branch])
@pytest.mark.parametrize("said", ["", "Everything about weather in 12 words", "code: ABC-99\neven: 14"])
def test_what_is_filled_in_satisfies_the_schema(shape: type[BaseModel], said: str) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(shape)

    adapter.validate_python(fill(adapter.json_schema(), Prompt(said)))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"^\d{4}-\d{2}$", "7777-77"),
        (r"(foo|bar)+[a-f]?", "fooa"),
        (r"^[^a]\w*$", "A"),
        (r"\bword\b", None),
    ],
)
def test_a_pattern_is_met_or_admitted_to_be_too_much(pattern: str, text: str | None) -> None:
    assert sample(pattern) == text
