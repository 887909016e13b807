"""How much a model takes and gives."""

import pytest

from spanledger.pricing import Limits, PriceBook


@pytest.mark.parametrize(
    ("provider", "model", "at_least", "output"),
    [
        ("openai", "gpt-4.1", 1_047_576, 32_768),
        ("openai", "gpt-4o-mini-2024-07-18", 128_000, 16_384),
        ("anthropic", "claude-sonnet-4-5-20250929", 1_000_000, 64_000),
        ("aws.bedrock", "us.anthropic.claude-sonnet-4-5-20250929-v1:0", 200_000, 64_000),
        ("gcp.gemini", "models/gemini-2.5-flash", 1_048_576, 65_536),
    ],
)
def test_no_limit_is_below_what_the_model_takes(
    book: PriceBook, provider: str, model: str, at_least: int, output: int
) -> None:
    limits = book.limits(provider, model)
    assert limits.context is not None
    assert limits.context >= at_least
    assert limits.output == output


def test_a_call_for_embeddings_may_carry_more_than_the_window_of_one_text(book: PriceBook) -> None:
    assert book.limits("openai", "text-embedding-3-small") == Limits()


@pytest.mark.usefixtures("failures")
def test_of_an_unknown_model_nothing_is_known(book: PriceBook) -> None:
    assert book.limits("openai", "gpt-99") == Limits()
    assert book.limits("openai", ["no name"]) == Limits()  # type: ignore[arg-type]
