"""docs/cost.md: its examples are what the commands print, and its price file is one."""

import re
import shlex
import textwrap
from pathlib import Path

import pytest

from spanledger.cli import main
from spanledger.pricing import PriceBook
from spanledger.pricing.attributes import price_attributes
from spanledger.pricing.snapshot import release
from spanledger.usage import Usage

PAGE = (Path(__file__).parents[3] / "docs" / "cost.md").read_text()
BLOCKS = [textwrap.dedent(block) for block in re.findall(r"```console\n(.*?)```", PAGE, re.DOTALL)]
COMMANDS = [
    (command.removeprefix("$ "), printed)
    for block in BLOCKS
    for command, _, printed in (
        part.partition("\n") for part in re.split(r"^(?=\$ )", block, flags=re.MULTILINE) if part.strip()
    )
]


@pytest.mark.parametrize(("command", "printed"), COMMANDS, ids=[command[17:60] for command, _ in COMMANDS])
def test_a_command_prints_what_the_page_shows(
    command: str, printed: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("SPANLEDGER_PRICES", raising=False)
    words = shlex.split(command)
    assert words[0] == "spanledger"
    assert main(words[1:]) == 0
    assert capsys.readouterr().out == printed.replace("genai-prices/0.2.3", f"genai-prices/{release()}")


def test_the_page_has_examples_of_a_call_a_cliff_a_cache_and_an_unknown_fee() -> None:
    assert len(COMMANDS) == 5


def test_the_attributes_of_the_example_are_those_of_its_span() -> None:
    usage = Usage(input=300_000, output=4_000, cache_read=100_000, reasoning=1_500, web_searches=2)
    price = PriceBook().price(usage, provider="openai", model="gpt-5.6-sol")
    shown = dict(re.findall(r"^\| `([a-z_.]+)` \| `?([^`|]+?)`? \|$", PAGE, re.MULTILINE))
    told = {**usage.attributes(), **price_attributes(price, "")}
    assert {name: str(told.get(name)).replace(release(), "0.2.3") for name in shown} == shown
    assert len(shown) == 8


def test_the_price_file_of_the_page_is_accepted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (found,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    (tmp_path / "acme.yaml").write_text(found)
    assert main(["prices", "check", str(tmp_path / "acme.yaml")]) == 0
    assert re.fullmatch(r"acme@[0-9a-f]{8}: prices 4, aliases 2, discounts 1\n", capsys.readouterr().out)
