"""Budgets in a YAML file."""

from pathlib import Path

import pytest

from spanledger.budget import file, reading
from spanledger.budget.model import Budget
from spanledger.budget.window import Window
from spanledger.config import Settings
from spanledger.errors import ConfigError


def written(folder: Path, text: str) -> str:
    path = folder / "budgets.yaml"
    path.write_text(text)
    return str(path)


def test_a_file_says_everything_a_budget_can(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        budgets:
          - {scope: run, limit: 5USD, warn: [80%, 4.50USD], wait: 2}
          - name: research
            scope: [tenant, stage]
            only: {baggage.plan: free, service: shop}
            window: month
            timezone: Europe/Berlin
            limit: 100USD
            action: downgrade
            downgrade_to: gpt-4o-mini
            uncapped: refuse
            output_cap: 2000
            on_store_error: open
            abandoned: hold
            unbounded: window
          - {limit: 50000tokens, window: rolling_minute, action: pause, pause: 5}
        """,
    )
    assert reading.read(Settings(budgets=path)) == (
        Budget("run/run", Window("run"), 5_000_000_000, scope=("run",), warns=(4_000_000_000, 4_500_000_000), wait=2.0),
        Budget(
            "research",
            Window("month", "Europe/Berlin"),
            100_000_000_000,
            scope=("tenant", "stage"),
            only=(("baggage.plan", "free"), ("service", "shop")),
            action="downgrade",
            downgrade_to="gpt-4o-mini",
            uncapped="refuse",
            output_cap=2000,
            on_store_error="open",
            abandoned="hold",
            unbounded="window",
        ),
        Budget("global/rolling_minute", Window("rolling_minute"), 50_000, unit="tokens", action="pause", pause=5.0),
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("budgets: [", "is no YAML"),
        ("- 1", "line 1: Input should be"),
        ("budgets:\n  - {limit: 5}", "line 2, budgets[0].limit: Input should be a valid string"),
        ("budgets:\n  - {limit: 5EUR}", "'5EUR' is no amount; write it such as 5USD"),
        ("budgets:\n  - {limit: 5USD, widow: day}", "line 2, budgets[0].widow: Extra inputs are not permitted"),
        ("budgets:\n  - {limit: 5USD, scope: planet}", "'planet' is no scope; take some of service"),
        ("budgets:\n  - {limit: 5USD, window: year}", "line 2, budgets[0].window: Input should be 'run'"),
        ("budgets:\n  - {limit: 5USD, timezone: Mars/Olympus}", "'Mars/Olympus' is no time zone"),
        ("budgets:\n  - {limit: 5USD, action: downgrade}", "downgrade_to: <model> belong together"),
        ("budgets:\n  - {scope: run}", "neither limit nor warn is given"),
        ("budgets:\n  - {warn: 80%}", "'80%' is no share of a limit"),
        ("budgets:\n  - {limit: 5USD, warn: 10calls}", "warnings and limit are not all in USD"),
        ("budgets:\n  - {limit: 5USD}\n  - {limit: 6USD}", "two budgets are named global/total"),
        ("budgets:\n  - limit: 5USD\n    limit: 500USD", "line 3, budgets[0].limit: is given twice; keep one"),
        ("budgets:\n  - {limit: 5USD}\nbudgets: []", "line 3, budgets: is given twice; keep one"),
    ],
)
def test_what_cannot_be_read_is_named_with_its_place(tmp_path: Path, text: str, told: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError, match=r"budgets\.yaml") as caught:
        file.load(path)
    assert told in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.yaml: cannot be read \(No such file.*; SPANLEDGER_BUDGETS names"):
        file.load(str(tmp_path / "none.yaml"))


def test_the_schema_describes_every_field_of_a_budget() -> None:
    row = file.schema()["$defs"]["Row"]["properties"]
    assert {"scope", "only", "window", "limit", "warn", "action"} <= set(row)
    assert all("description" in field for field in row.values())
