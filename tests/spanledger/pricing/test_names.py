"""Which entry of a table a provider and a model name mean."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanledger.pricing.names import LONGEST, candidates, provider_id, spellings, stem

KNOWN = {
    "openai": "openai", "azure": "azure", "anthropic": "anthropic", "aws": "aws", "google": "google", "xai": "x-ai",
    "mistral": "mistral", "moonshotai": "moonshotai", "deepseek": "deepseek", "groq": "groq", "cohere": "cohere",
    "perplexity": "perplexity", "openrouter": "openrouter", "together": "together", "fireworks": "fireworks",
}  # fmt: skip


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("openai", "openai"),
        ("azure.ai.openai", "azure"),
        ("azure.ai.inference", "azure"),
        ("az.ai.openai", "azure"),
        ("aws.bedrock", "aws"),
        ("gcp.gemini", "google"),
        ("gcp.vertex_ai", "google"),
        ("gcp.gen_ai", "google"),
        ("vertex_ai", "google"),
        ("x_ai", "x-ai"),
        ("xAI", "x-ai"),
        ("mistral_ai", "mistral"),
        ("moonshot_ai", "moonshotai"),
        ("deepseek", "deepseek"),
        ("groq", "groq"),
        ("cohere", "cohere"),
        ("perplexity", "perplexity"),
        ("Anthropic", "anthropic"),
        ("openrouter", "openrouter"),
        ("TogetherAI", "together"),
        ("fireworks_ai", "fireworks"),
    ],
)
def test_providers_are_known_by_the_names_of_opentelemetry_and_of_instrumentations(written: str, meant: str) -> None:
    assert provider_id(written, KNOWN) == meant


@pytest.mark.parametrize("written", ["ollama", "ibm.watsonx.ai", "deepinfra", "openai-compatible", "my-azure", "", "."])
def test_a_provider_that_is_only_like_a_known_one_is_not_known(written: str) -> None:
    assert provider_id(written, KNOWN) is None


@pytest.mark.parametrize(
    ("provider", "model", "meant"),
    [
        ("openai", "openai/gpt-4o", ("openai", "gpt-4o")),
        ("openai", "azure/gpt-4o", ("azure", "gpt-4o")),
        ("azure.ai.openai", "azure/gpt-4o", ("azure", "gpt-4o")),
        ("azure.ai.inference", "openai/gpt-4o", ("azure", "gpt-4o")),
        ("gcp.gemini", "models/gemini-2.5-pro", ("google", "gemini-2.5-pro")),
        ("gcp.vertex_ai", "projects/p/publishers/google/models/gemini-2.5-pro", ("google", "gemini-2.5-pro")),
        ("aws.bedrock", "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-v1:0", ("aws", "amazon.nova-v1:0")),
        ("litellm", "bedrock/converse/us.amazon.nova-lite-v1:0", ("aws", "us.amazon.nova-lite-v1:0")),
        ("litellm", "openrouter/openai/gpt-4o", ("openrouter", "openai/gpt-4o")),
        ("openai", "anthropic/claude-sonnet-4.5", ("anthropic", "claude-sonnet-4.5")),
        ("groq", "openai/gpt-oss-120b", ("groq", "openai/gpt-oss-120b")),
        ("openai", " GPT-4o ", ("openai", "gpt-4o")),
    ],
)  # fmt: skip
def test_prefixes_and_paths_are_read(provider: str, model: str, meant: tuple[str, str]) -> None:
    assert meant in list(candidates(provider, model, KNOWN))


def test_the_name_as_it_is_comes_first() -> None:
    assert next(candidates("openrouter", "openai/gpt-4o", KNOWN)) == ("openrouter", "openai/gpt-4o")


def test_a_prefix_that_is_no_provider_stays_part_of_the_name() -> None:
    assert list(candidates("openai", "unsloth/gpt-oss-20b", KNOWN)) == [("openai", "unsloth/gpt-oss-20b")]


def test_a_prefix_never_turns_one_provider_into_another_except_behind_an_openai_client_or_a_gateway() -> None:
    assert {owner for owner, _ in candidates("groq", "anthropic/claude-opus-5", KNOWN)} == {"groq"}


def test_a_provider_that_is_not_known_has_no_candidates_whatever_the_prefix() -> None:
    assert list(candidates("deepinfra", "deepseek/deepseek-chat", KNOWN)) == []


def test_a_gateway_without_a_prefix_says_nothing() -> None:
    assert list(candidates("litellm", "gpt-4o", KNOWN)) == []


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gpt-4o-mini-2024-07-18", ["gpt-4o-mini-2024-07-18", "gpt-4o-mini-2024-07-18", "gpt-4o-mini"]),
        ("gpt-5.2-20251211", ["gpt-5.2-20251211", "gpt-5.2-2025-12-11", "gpt-5.2"]),
        ("claude-opus-5@20260101", ["claude-opus-5@20260101", "claude-opus-5-2026-01-01", "claude-opus-5"]),
        ("ft:gpt-4o-mini:org::id", ["ft:gpt-4o-mini"]),
        ("ft:gpt-4o-mini-2024-07-18:org:name:id",
         ["ft:gpt-4o-mini-2024-07-18", "ft:gpt-4o-mini-2024-07-18", "ft:gpt-4o-mini"]),
        ("gpt-4o-mini-2024-07-18.ft-0123abcd", ["gpt-4o-mini-2024-07-18.ft-"]),
        ("gpt-4o-2024-13-01", ["gpt-4o-2024-13-01"]),
        ("gpt-4-0613", ["gpt-4-0613"]),
    ],
)  # fmt: skip
def test_a_name_is_also_tried_with_its_date_in_dashes_and_without_it(name: str, expected: list[str]) -> None:
    assert list(spellings(name)) == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "claude-sonnet-4-5"),
        ("claude-opus-4-8@default", "claude-opus-4-8"),
        ("gemini-2.5-pro-preview-06-05", "gemini-2.5-pro"),
        ("gemini-1.5-pro-002", "gemini-1.5-pro"),
        ("computer-use-preview-2025-03-11", "computer-use"),
        ("claude-opus-4-10", "claude-opus-4-10"),
        ("gpt-5-nano-ultra", "gpt-5-nano-ultra"),
        ("gpt-5.6-sol", "gpt-5.6-sol"),
    ],
)
def test_a_stem_is_a_name_without_region_vendor_date_and_version(name: str, expected: str) -> None:
    assert stem(name) == expected


@given(st.text(max_size=2 * LONGEST), st.text(max_size=2 * LONGEST))
def test_any_text_can_be_asked_for(provider: str, model: str) -> None:
    for owner, name in candidates(provider, model, KNOWN):
        assert owner in KNOWN.values()
        assert all(stem(spelling) is not None for spelling in spellings(name))


def test_what_is_too_long_for_a_name_is_not_tried() -> None:
    assert list(candidates("openai", "x" * (LONGEST + 1), KNOWN)) == []
