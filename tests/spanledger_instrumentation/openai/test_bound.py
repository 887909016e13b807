"""How much a request of OpenAI's API may use at most."""

from __future__ import annotations

from typing import Any

import pytest

from spanledger_instrumentation.openai.bound import bound, cap_field

SAID = {"messages": [{"role": "user", "content": "Hello"}]}
SIZE = 100


@pytest.mark.parametrize(
    ("api", "fields", "output"),
    [
        ("chat", {"max_tokens": 10}, 10),
        ("chat", {"max_tokens": 99.5}, 100),
        ("chat", {"max_tokens": -1}, None),
        ("chat", {"max_tokens": 0}, None),
        ("chat", {"max_tokens": None}, None),
        ("chat", {"max_tokens": "10"}, None),
        ("chat", {"max_tokens": True}, None),
        ("chat", {"max_tokens": 10, "max_completion_tokens": 5}, 10),
        ("chat", {"max_output_tokens": 10}, None),
        ("responses", {"max_tokens": 10}, None),
        ("responses", {"max_output_tokens": 10}, 10),
        ("completions", {"max_tokens": 0}, 0),
        ("completions", {"max_completion_tokens": 5}, None),
        ("embeddings", {}, 0),
    ],
    ids=str,
)
def test_a_cap_is_what_the_server_obeys(api: Any, fields: dict[str, Any], output: int | None) -> None:
    assert bound(api, {**SAID, **fields}, SIZE).output == output


@pytest.mark.parametrize(
    ("fields", "choices"),
    [
        ({}, 1),
        ({"n": 3}, 3),
        ({"n": 2, "best_of": 5}, 5),
        ({"n": 3.0}, 3),
        ({"n": -3}, 1),
        ({"prompt": ["a", "b"], "n": 2}, 4),
        ({"prompt": ("a", "b")}, 2),
        ({"prompt": [1, 2, 3]}, 1),
        ({"prompt": [[1, 2], [3]]}, 2),
    ],
    ids=str,
)
def test_every_answer_to_every_prompt_counts(fields: dict[str, Any], choices: int) -> None:
    assert bound("completions", fields, SIZE).choices == choices


@pytest.mark.parametrize(
    ("api", "body"),
    [
        ("chat", {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "u"}}]}]}),
        ("chat", {"messages": ({"role": "user", "content": ({"type": "image_url", "image_url": {"url": "u"}},)},)}),
        ("chat", {"messages": [{"role": "assistant", "audio": {"id": "audio-1"}}]}),
        ("responses", {"input": [{"type": "item_reference", "id": "msg-1"}]}),
        (
            "responses",
            {"input": [{"type": "computer_call_output", "output": {"type": "computer_screenshot", "file_id": "f"}}]},
        ),
        ("responses", {"input": "Go on.", "previous_response_id": "resp-1"}),
        ("responses", {"prompt": {"id": "pmpt-1"}, "tools": []}),
    ],
    ids=str,
)
def test_what_is_not_in_the_body_is_not_bounded_by_its_bytes(api: Any, body: dict[str, Any]) -> None:
    assert bound(api, body, SIZE).input(1_000) == 1_000


@pytest.mark.parametrize(
    ("fields", "passes"),
    [
        ({}, 1),
        ({"tools": [{"type": "function"}]}, 1),
        ({"tools": [{"type": "web_search"}]}, None),
        ({"tools": [{"type": "web_search"}], "max_tool_calls": 3}, 4),
        ({"tools": [{"type": "web_search"}], "max_tool_calls": 0}, 1),
        ({"tools": [{"type": "web_search"}], "max_tool_calls": -5}, None),
        ({"tools": [{"type": "image_generation"}], "max_tool_calls": 1}, None),
        ({"prompt": {"id": "pmpt-1"}}, None),
        ({"prompt": {"id": "pmpt-1"}, "tools": []}, 1),
    ],
    ids=str,
)
def test_tools_that_the_provider_runs_are_counted_or_without_bound(fields: dict[str, Any], passes: int | None) -> None:
    assert bound("responses", {"input": "Hello", **fields}, SIZE).passes == passes


@pytest.mark.parametrize(
    ("api", "provider", "body", "field"),
    [
        ("chat", "openai", {}, "max_completion_tokens"),
        ("chat", "openai", {"max_tokens": None}, "max_completion_tokens"),
        ("chat", "openai", {"max_tokens": -1}, "max_tokens"),
        ("chat", "mistral_ai", {}, "max_tokens"),
        ("completions", "openai", {}, "max_tokens"),
        ("responses", "openai", {}, "max_output_tokens"),
        ("embeddings", "openai", {}, None),
    ],
)
def test_a_cap_is_put_where_the_server_looks_for_it(
    api: str, provider: str, body: dict[str, Any], field: str | None
) -> None:
    assert cap_field(api, provider, body) == field
