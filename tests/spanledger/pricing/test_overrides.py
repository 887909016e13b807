"""The file with prices of one's own: what it may say, and what is said of it where it is wrong."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from spanledger.errors import ConfigError
from spanledger.pricing.document import Document
from spanledger.pricing.limits import Limits
from spanledger.pricing.overrides import SCHEMA, Name, Overrides, read

FULL = """
name: acme
currency: EUR
exchange:
  EUR: {usd: 1.0850, date: 2026-11-03}
discounts:
  - {provider: anthropic, percent_off: 15}
aliases:
  - {provider: azure, model: my-prod-4o, is: gpt-4o, of: openai}
prices:
  - provider: openai
    model: gpt-4o
    from: 2026-01-01
    tier: batch
    currency: USD
    input: 0.15
    output: 0.60
    above:
      - {tokens: 200000, input: 0.30}
    per_use: {web_search: 0.02, audio_hours: 0.36, million_characters: 15}
    context_window: 128000
    max_output: 16384
  - {model: "qwen/*", free: true}
  - {provider: mistral, model: large, input: 2, output: 6}
"""

WRONG = {
    "prices:\n  - {model: x, input: cheap}": "line 2, prices[0].input: must be a number, is 'cheap' (Input tokens,",
    "prices:\n  - {input: 1}": "line 2, prices[0]: has no model; add it",
    "prices:\n  - {model: x, inptu: 1}": "line 2, prices[0].inptu: is not known here; known are provider, model,",
    "prices:\n  - {model: x, input: -1}": "prices[0].input: must be at least 0, is -1",
    "prices:\n  - {model: x, input: .nan}": "prices[0].input: must be a number",
    "prices:\n  - {model: 4, input: 1}": "prices[0].model: must be text; put it in quotes, is 4",
    "prices:\n  - {model: x, tier: turbo, input: 1}": "tier: must be one of batch, flex, priority, fast, is 'turbo'",
    "prices:\n  - {model: x, from: 2026-13-01, input: 1}": "is no day of the calendar",
    "prices:\n  - {model: x, from: monday, input: 1}": "prices[0].from: must look like",
    "prices:\n  - {model: x, free: 1}": "prices[0].free: must be true or false, is 1",
    "prices:\n  - {model: x, context_window: 1.5, input: 1}": "must be a whole number, is 1.5",
    "prices:\n  - {model: x}": "has no price above 0; add input and output, or free: true",
    "prices:\n  - {model: x, input: 0, output: 0}": "has no price above 0",
    "prices:\n  - {model: x, free: true, input: 1}": "is free and has prices; keep one of both",
    "prices:\n  - {model: x, output: 1}": "has no input price",
    "prices:\n  - {model: x, currency: EUR, input: 1}": "prices[0].currency: has no rate; add EUR under exchange",
    "prices:\n  - {model: x, input: 1}\n  - {model: x, input: 2}": "line 3, prices[1]: is about the same model",
    "prices:\n  - {model: x, input: 1, above: [{tokens: 5, output: 2}]}": "has output above a threshold only",
    "currency: EUR": "line 1, currency: has no rate; add exchange: EUR",
    "exchange:\n  EUR: {usd: 1.1}": "line 2, exchange.EUR: has no date; add it (Day of the rate.)",
    "exchange:\n  EUR: {usd: 0, date: 2026-01-01}": "exchange.EUR.usd: must be above 0, is 0",
    "exchange:\n  euro: {usd: 1, date: 2026-01-01}": "exchange.euro: must be a currency code",
    "discounts:\n  - {provider: x, percent_off: 100}": "percent_off: must be below 100, is 100",
    "aliases:\n  - {model: x, is: x}": "line 2, aliases[0]: stands for itself",
    "aliases: {x: y}": "line 1, aliases: must be a list (lines that begin with -)",
    "prices:\n  - {model: x, input: 1, input: 2}": "line 2, prices[0].input: is given twice; keep one",
    "- 1": "line 1: must be a mapping (name: value)",
    "prices: [": "line 1: is no YAML:",
    "a: \x00": "is no YAML",
    "prices: &a [*a]": "is nested too deeply",
}  # fmt: skip


def written(folder: Path, text: str) -> Path:
    path = folder / "acme-prices.yaml"
    path.write_text(text)
    return path


def read_text(folder: Path, text: str) -> Overrides:
    return read(written(folder, text))


def test_a_file_is_read_as_it_is_meant(tmp_path: Path) -> None:
    found = read_text(tmp_path, FULL)
    batch, free, large = found.prices
    assert batch.name == Name("openai", "gpt-4o")
    assert (batch.tier, batch.since, batch.free) == ("batch", date(2026, 1, 1), False)
    assert batch.named == {
        "input": ((-1, 150_000), (200_000, 300_000)),
        "output": ((-1, 600_000),),
        "web_search": ((-1, 20_000_000_000),),
        "audio_ms": ((-1, 360_000_000_000),),
        "characters": ((-1, 15_000_000),),
    }
    assert batch.limits == Limits(128_000, 16_384)
    assert (free.free, free.named) == (True, {})
    assert large.named == {"input": ((-1, 2_170_000),), "output": ((-1, 6_510_000),)}
    assert found.discounts == {"anthropic": Decimal(15)}
    assert found.exchange == {"EUR": "1 EUR = 1.0850 USD on 2026-11-03"}
    assert found.aliases[0].of == "openai"


def test_the_version_names_the_file_and_changes_with_its_content(tmp_path: Path) -> None:
    first, second = read_text(tmp_path, FULL).version, read_text(tmp_path, FULL + "\n").version
    assert first.startswith("acme@")
    assert first != second
    assert read_text(tmp_path, "").version.startswith("acme-prices@")


def test_an_empty_file_changes_nothing(tmp_path: Path) -> None:
    found = read_text(tmp_path, "# nothing yet\n")
    assert (found.prices, found.aliases, found.discounts) == ((), (), {})


@pytest.mark.parametrize(("text", "said"), WRONG.items(), ids=range(len(WRONG)))
def test_what_is_wrong_is_told_with_its_line_its_place_and_the_way_out(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        read(path)
    assert str(caught.value).startswith(f"the price file {path} cannot be used: line ")
    assert said in str(caught.value)


def test_many_mistakes_are_told_at_once_but_not_all_of_them(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"prices\[0\].*prices\[4\].*and 2 more"):
        read_text(tmp_path, "prices:\n" + "  - {}\n" * 7)


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read"):
        read(tmp_path / "none.yaml")
    (tmp_path / "latin.yaml").write_bytes(b"name: caf\xe9")
    with pytest.raises(ConfigError, match="is not UTF-8"):
        read(tmp_path / "latin.yaml")


@pytest.mark.parametrize("text", [FULL, *WRONG], ids=range(len(WRONG) + 1))
def test_our_reading_of_the_schema_is_that_of_a_validator(text: str) -> None:
    try:
        document = Document(text)
    except ValueError:
        return
    schema = json.loads(SCHEMA.read_text())
    values = json.loads(json.dumps(document.value, default=_number))
    assert any(document.against(schema)) is not Draft202012Validator(schema).is_valid(values)


def _number(value: Decimal) -> float:
    return int(value) if value == value.to_integral_value() else float(value)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(json.loads(SCHEMA.read_text()))


@pytest.mark.parametrize(
    ("name", "provider", "model", "taken"),
    [
        (Name(None, "a"), "any", "a", True),
        (Name("x_ai", "a"), "xAI", "a", True),
        (Name("openai", "a"), "azure", "a", False),
        (Name(None, "a*"), "any", "abc", True),
        (Name(None, "a.c"), "any", "abc", False),
        (Name(None, "ABC"), "any", "abc", True),
    ],
)
def test_a_name_takes_the_calls_that_it_is_about(name: Name, provider: str, model: str, taken: bool) -> None:
    assert name.takes(provider, model) is taken
