"""Settings: good values are taken, bad ones are named with the way out, and the app goes on."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from spanledger import config
from spanledger.config import Settings
from spanledger.errors import ConfigError

GOOD = [
    ("SPANLEDGER_BUDGETS", "run=5USD", "budgets", "run=5USD"),
    ("SPANLEDGER_STORE", "memory:", "store", "memory:"),
    ("SPANLEDGER_CAPTURE_CONTENT", "SPAN", "capture_content", "span"),
    ("SPANLEDGER_REDACT", "no", "redact", False),
    ("SPANLEDGER_UNPRICED", "price_as:gpt-4o", "unpriced", "price_as:gpt-4o"),
    ("SPANLEDGER_HOLD_TTL", " 12.5 ", "hold_ttl", 12.5),
    ("SPANLEDGER_LEASE", "off", "lease", "off"),
    ("SPANLEDGER_WIRE", "deny", "wire", "deny"),
    ("SPANLEDGER_COVERED", "keep", "covered", "keep"),
    ("SPANLEDGER_TRUST", "headers", "trust", "headers"),
    ("SPANLEDGER_SERVICE_PORT", "8080", "service_port", 8080),
    ("SPANLEDGER_SERVICE_RATE", "600/Minute", "service_rate", "600/minute"),
    ("SPANLEDGER_SERVICE_CORS", "https://a.example, http://b:1", "service_cors", ("https://a.example", "http://b:1")),
    ("SPANLEDGER_JAEGER_URL", "http://jaeger:16686/", "jaeger_url", "http://jaeger:16686"),
    ("COST_TRACKING_ENABLED", "false", "tracking", False),
    ("COST_BUDGET_MAX", "5.00", "run_limit", Decimal("5.00")),
    ("COST_BUDGET_WARNING_THRESHOLD", "0", "run_warning", Decimal(0)),
]
BAD = [
    ("SPANLEDGER_CAPTURE_CONTENT", "all", "off, span, archive"),
    ("SPANLEDGER_REDACT", "maybe", "true or false"),
    ("SPANLEDGER_UNPRICED", "price_as:", "price_as:<model>"),
    ("SPANLEDGER_HOLD_TTL", "-1", "seconds above 0"),
    ("SPANLEDGER_HOLD_TTL", "inf", "seconds above 0"),
    ("SPANLEDGER_WIRE", "x" * 500, "meter, warn, deny, off"),
    ("SPANLEDGER_SERVICE_PORT", "0", "from 1 to 65535"),
    ("SPANLEDGER_SERVICE_RATE", "fast", "600/minute"),
    ("SPANLEDGER_SERVICE_RATE", "0/second", "600/minute"),
    ("SPANLEDGER_SERVICE_CORS", "*", "origins such as"),
    ("SPANLEDGER_COLLECTOR_URL", "file:///etc/passwd", "http"),
    ("COST_BUDGET_MAX", "five", "USD"),
    ("COST_BUDGET_MAX", "NaN", "USD"),
    ("COST_BUDGET_MAX", "-1", "USD"),
    ("SPANLEDGER_BUDGET", "run=1USD", "is not a setting"),
]


def test_without_variables_all_is_default_and_nothing_is_wrong() -> None:
    assert config.read({}) == Settings()
    assert config.read({}).problems == ()


@pytest.mark.parametrize(("env", "text", "field", "value"), GOOD)
def test_a_good_value_is_taken(env: str, text: str, field: str, value: object) -> None:
    settings = config.strict({env: text})
    assert getattr(settings, field) == value


@pytest.mark.parametrize(("env", "text", "hint"), BAD)
def test_a_bad_value_is_left_at_its_default_and_named_with_the_way_out(env: str, text: str, hint: str) -> None:
    settings = config.read({env: text})
    assert settings == Settings()
    (problem,) = settings.problems
    assert env in problem
    assert hint in problem
    assert len(problem) < 250


@pytest.mark.parametrize(("env", "text", "hint"), BAD)
def test_a_command_of_ours_stops_at_a_bad_value(env: str, text: str, hint: str) -> None:
    with pytest.raises(ConfigError, match=env):
        config.strict({env: text})


def test_empty_variables_are_as_good_as_none() -> None:
    assert config.read({row.env: " " for row in config.TABLE}) == Settings()


def test_a_file_of_budgets_is_named_by_its_path(tmp_path: Path) -> None:
    path = tmp_path / "budgets.yaml"
    path.write_text("[]")
    assert config.strict({"SPANLEDGER_BUDGETS": str(path)}).budgets == str(path)


@pytest.mark.parametrize(("trust", "baggage", "headers"), [("off", 0, 0), ("baggage", 1, 0), ("headers", 1, 1)])
def test_trust_goes_from_nobody_over_baggage_to_headers(trust: str, baggage: int, headers: int) -> None:
    settings = Settings(trust=trust)
    assert (settings.trusts_baggage, settings.trusts_headers) == (bool(baggage), bool(headers))


def test_every_setting_stands_in_the_table_with_its_default() -> None:
    table = config.table_markdown()
    assert all(f"| `{row.env}` |" in table for row in config.TABLE)
    assert {row.field for row in config.TABLE} == set(Settings.__dataclass_fields__) - {"problems"}
