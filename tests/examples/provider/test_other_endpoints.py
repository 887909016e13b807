"""Embeddings, legacy completions, moderations, models, and the paths of Azure."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.types import CreateEmbeddingResponse, ModerationCreateResponse

from provider import Provider, Settings

SQL, QUERIES, ROSES = "Learn SQL queries", "A course about queries in SQL", "Pruning roses in winter"


def likeness(one: list[float], other: list[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))


def embedded(client: openai.OpenAI, *texts: str, **more: Any) -> list[list[float]]:
    answer = client.embeddings.create(model="text-embedding-3-small", input=list(texts), **more)
    return [item.embedding for item in answer.data]


def test_embeddings_are_unit_vectors_that_bring_similar_texts_together(client: openai.OpenAI) -> None:
    sql, queries, roses = embedded(client, SQL, QUERIES, ROSES)

    assert math.isclose(likeness(sql, sql), 1, rel_tol=1e-6)
    assert likeness(sql, queries) > 0.4 > likeness(sql, roses)


@pytest.mark.parametrize(("model", "size"), [("text-embedding-3-small", 1536), ("text-embedding-3-large", 3072)])
def test_a_vector_has_the_dimensions_of_its_model(client: openai.OpenAI, model: str, size: int) -> None:
    answer = client.embeddings.create(model=model, input=SQL)

    assert len(answer.data[0].embedding) == size


def test_dimensions_can_be_asked_for(client: openai.OpenAI) -> None:
    assert len(embedded(client, SQL, dimensions=64)[0]) == 64


def test_floats_and_base64_carry_the_same_vector(client: openai.OpenAI) -> None:
    raw = client.embeddings.with_raw_response.create(
        model="text-embedding-3-small", input=SQL, encoding_format="float", dimensions=8
    )
    body = raw.http_response.json()

    CreateEmbeddingResponse.model_validate(body)
    [packed] = embedded(client, SQL, dimensions=8)
    assert body["data"][0]["embedding"] == pytest.approx(packed, abs=1e-6)


def test_an_input_of_token_numbers_costs_its_length(client: openai.OpenAI) -> None:
    answer = client.embeddings.create(model="text-embedding-3-small", input=[[1, 2, 3], [4, 5]])

    assert len(answer.data) == 2
    assert answer.usage.prompt_tokens == 5


def test_a_legacy_completion_answers_every_prompt_and_shows_its_usage(client: openai.OpenAI) -> None:
    answer = client.completions.create(model="gpt-3.5-turbo-instruct", prompt=["Tea is", "Rain is"], n=2)

    assert [choice.index for choice in answer.choices] == [0, 1, 2, 3]
    assert answer.model == "gpt-3.5-turbo-instruct:20230824-v2"
    assert answer.usage is not None
    assert answer.usage.completion_tokens == 4 * 16


def test_a_streamed_legacy_completion_ends_with_its_usage_where_asked(client: openai.OpenAI) -> None:
    given: dict[str, Any] = {"model": "gpt-3.5-turbo-instruct", "prompt": "Tea is"}
    chunks = list(client.completions.create(**given, stream=True, stream_options={"include_usage": True}))
    plain = client.completions.create(**given)

    assert "".join(c.choices[0].text for c in chunks if c.choices) == plain.choices[0].text
    assert (chunks[-1].choices, chunks[-1].usage) == ([], plain.usage)


def test_moderation_flags_what_it_should_and_is_free(client: openai.OpenAI, provider: Provider) -> None:
    raw = client.moderations.with_raw_response.create(input=["A calm day", "I will kill you"])
    body = raw.http_response.json()

    ModerationCreateResponse.model_validate(body)
    assert [result["flagged"] for result in body["results"]] == [False, True]
    assert provider.bill()["requests"] == 0


def test_the_models_are_listed_by_short_and_dated_name(client: openai.OpenAI) -> None:
    names = [model.id for model in client.models.list()]

    assert {"gpt-4o-mini", "gpt-4o-mini-2024-07-18"} <= set(names)
    assert client.models.retrieve("gpt-4o-mini").id == "gpt-4o-mini"
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("gpt-none")


def test_an_unlisted_model_is_served_under_its_own_name(client: openai.OpenAI) -> None:
    answer = client.chat.completions.create(model="house-blend", messages=[{"role": "user", "content": "hi"}])

    assert answer.model == "house-blend"


class TestStrictModels:
    @pytest.fixture
    def settings(self) -> Settings:
        return Settings(strict_models=True)

    def test_an_unlisted_model_does_not_exist(self, client: openai.OpenAI) -> None:
        with pytest.raises(openai.NotFoundError, match="`house-blend` does not exist"):
            client.chat.completions.create(model="house-blend", messages=[{"role": "user", "content": "hi"}])


@pytest.fixture
def azure(provider: Provider) -> Iterator[openai.AzureOpenAI]:
    with openai.AzureOpenAI(
        azure_endpoint=provider.url, api_key="azure-key", api_version="2024-10-21", max_retries=0
    ) as client:
        yield client


def test_azure_answers_at_its_own_paths_with_filter_results(azure: openai.AzureOpenAI, provider: Provider) -> None:
    answer = azure.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hello"}])

    assert provider.log()[0]["path"] == "/openai/deployments/gpt-4o-mini/chat/completions"
    assert answer.model == "gpt-4o-mini-2024-07-18"
    assert answer.model_extra is not None
    assert answer.model_extra["prompt_filter_results"][0]["prompt_index"] == 0


def test_an_azure_stream_begins_with_a_chunk_without_choices(azure: openai.AzureOpenAI) -> None:
    chunks = list(
        azure.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "hello"}], stream=True)
    )

    assert (chunks[0].choices, chunks[0].id, chunks[0].usage) == ([], "", None)
    assert chunks[1].choices[0].delta.role == "assistant"


def test_azure_embeds_and_responds_too(azure: openai.AzureOpenAI) -> None:
    assert azure.embeddings.create(model="text-embedding-3-small", input="hello").usage.prompt_tokens == 1
    assert azure.responses.create(model="gpt-4o-mini", input="hello").output_text
