"""`spanledger prices` and `spanledger cost`, as a user types them."""

import json
from pathlib import Path
from typing import Any

import pytest

from spanledger.cli import main

FILE = """
discounts: [{provider: azure, percent_off: 20}]
aliases: [{provider: azure, model: my-4o, is: gpt-4o}]
prices:
  - {provider: openai, model: gpt-4o, input: 2, output: 10, cache_read: 1.25}
  - {provider: vllm, model: '*', free: true}
"""


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder and an environment without settings of ours."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPANLEDGER_PRICES", raising=False)
    (tmp_path / "mine.yaml").write_text(FILE)


def told(capsys: pytest.CaptureFixture[str], *words: str) -> Any:
    """What a command says in JSON."""
    assert main([*words, "--format", "json"]) == 0
    return json.loads(capsys.readouterr().out)


def refused(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    """The one sentence of a command that cannot be carried out."""
    assert main(words) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.count("\n") == 1
    return said.err


def test_show_tells_all_rates_of_a_model_and_where_they_are_from(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "prices", "show", "gpt-5.6-sol", "--at", "2026-11-21")
    assert found["provider"] == "openai"
    assert found["version"].startswith("genai-prices/")
    assert found["usd_per_million_tokens"]["output"] == "20"
    assert [row["input_tokens"] for row in found["above"]] == [272_000]
    assert found["context_window"] == 1_050_000


def test_show_tells_the_price_of_a_day_and_of_a_tier(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "prices", "show", "o3", "--at", "2025-06-01")["usd_per_million_tokens"]["input"] == "10"
    batch = told(capsys, "prices", "show", "gpt-4o-mini", "--tier", "batch", "--provider", "openai")
    assert batch["usd_per_million_tokens"]["input"] == "0.075"
    hourly = told(capsys, "prices", "show", "deepseek-v4-flash", "--at", "2026-11-21T02:00")
    assert hourly["changes_at_utc"]
    assert hourly["usd_per_million_tokens"]["input"] == "0.3"


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (["gpt-4o", "--tier", "batch", "--at", "2024-01-01"], "gpt-4o (openai) on 2024-01-01, batch tier before 2026-"),
        (["gpt-4o", "--tier", "fast", "--at", "2025-01-01"], "fast tier before 2026-"),
        (
            ["text-embedding-3-small", "--tier", "priority"],
            "tier: its calls are priced as the standard tier's",
        ),
    ],
)
def test_the_standard_price_is_never_shown_as_that_of_a_tier(
    capsys: pytest.CaptureFixture[str], chosen: list[str], words: str
) -> None:
    assert main(["prices", "show", *chosen]) == 2
    out, error = capsys.readouterr()
    assert out == ""
    assert "no price of its own is known for" in error
    assert words in error


def test_show_says_it_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prices", "show", "gemini-2.5-pro", "--at", "2026-11-21"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("gemini-2.5-pro (google) on 2026-11-21, standard tier, by genai-prices/")
    assert "for calls with more than 200,000 input tokens" in said


def test_show_knows_the_prices_of_ones_own(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANLEDGER_PRICES", "mine.yaml")
    assert told(capsys, "prices", "show", "gpt-4o")["usd_per_million_tokens"]["input"] == "2"
    assert told(capsys, "prices", "show", "my-4o", "--provider", "azure")["usd_per_million_tokens"]["input"] == "2"


def test_what_nobody_knows_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no price is known for gpt-99; say who serves it" in refused(capsys, "prices", "show", "gpt-99")
    assert "no price is known for gpt-4o at ollama" in refused(
        capsys, "cost", "--model", "gpt-4o", "--provider", "ollama"
    )


def test_check_says_what_is_in_a_file(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "prices", "check", "mine.yaml")
    assert (found["prices"], found["aliases"], found["discounts"], found["unpriced"]) == (2, 1, 1, [])


def test_check_finds_aliases_that_lead_nowhere(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "lost.yaml").write_text("aliases: [{provider: azure, model: my-4o, is: gpt-4oo}]")
    assert main(["prices", "check", "lost.yaml"]) == 1
    assert "azure, my-4o has no price" in capsys.readouterr().out


def test_a_wrong_file_is_one_sentence_for_every_command(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "wrong.yaml").write_text("prices:\n  - {model: x, input: cheap}\n")
    monkeypatch.setenv("SPANLEDGER_PRICES", "wrong.yaml")
    for words in (
        ("prices", "check", "wrong.yaml"),
        ("prices", "diff"),
        ("prices", "show", "gpt-4o"),
        ("cost", "--model", "gpt-4o"),
        ("run", "--", "python", "-c", "pass"),
    ):
        assert "wrong.yaml cannot be used: line 2, prices[0].input: must be a number" in refused(capsys, *words)


def test_diff_tells_what_a_file_changes(capsys: pytest.CaptureFixture[str]) -> None:
    rows = told(capsys, "prices", "diff", "mine.yaml")
    assert {"name": "openai, gpt-4o", "kind": "input", "before": "2.5", "after": "2", "percent": "-20.0"} in rows
    assert not [row for row in rows if row["name"] == "openai, gpt-4o" and row["kind"] == "output"]
    assert {row["after"] for row in rows if row["name"] == "vllm, *"} == {"0"}
    azure = {row["kind"]: row for row in rows if row["name"] == "azure, my-4o"}
    assert (azure["input"]["before"], azure["input"]["after"]) == (None, "2")
    assert rows[-1] == {
        "name": "azure, list prices", "kind": "a dollar", "before": "1", "after": "0.8", "percent": "-20.0"
    }  # fmt: skip


def test_diff_of_a_file_against_itself_is_nothing_but_its_discounts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "plain.yaml").write_text("prices: [{provider: openai, model: gpt-4o, input: 2, output: 10}]")
    assert told(capsys, "prices", "diff", "plain.yaml", "--against", "plain.yaml") == []
    assert main(["prices", "diff", "plain.yaml", "--against", "plain.yaml"]) == 0
    assert capsys.readouterr().out == "it changes nothing\n"


def test_diff_without_a_file_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert "no price file is given" in refused(capsys, "prices", "diff")


def test_cost_tells_every_line(capsys: pytest.CaptureFixture[str]) -> None:
    found = told(capsys, "cost", "--model", "gpt-4o-mini", "--input", "2000", "--cached", "1024", "--output", "300")
    assert [(line["kind"], line["count"], line["usd"]) for line in found["lines"]] == [
        ("input", 976, "0.0001464"),
        ("cache_read", 1_024, "0.0000768"),
        ("output", 300, "0.00018"),
    ]
    assert found["usd"] == "0.000403200"


def test_cost_knows_units_and_says_what_has_no_price(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(capsys, "cost", "--model", "whisper-1", "--audio-ms", "90000")["usd"] == "0.009000000"
    assert main(["cost", "--model", "claude-sonnet-5", "--input", "10", "--code-executions", "1"]) == 0
    assert "code_executions: the price is not known, and not in the total" in capsys.readouterr().out


def test_cost_refuses_what_contradicts_itself(capsys: pytest.CaptureFixture[str]) -> None:
    said = refused(capsys, "cost", "--model", "gpt-4o-mini", "--input", "5", "--cached", "10")
    assert "--input counts all input tokens" in said
    assert "is not billed by tokens" in refused(capsys, "cost", "--model", "whisper-1", "--input", "5")


@pytest.mark.parametrize(
    "words",
    [
        ("cost", "--model", "gpt-4o", "--input", "-1"),
        ("cost", "--model", "gpt-4o", "--at", "soon"),
        ("prices", "show", "gpt-4o", "--tier", "turbo"),
    ],
)
def test_options_that_make_no_sense_end_with_2(words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2


def test_prices_without_a_part_shows_what_there_is(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["prices"]) == 2
    assert "show" in capsys.readouterr().out
