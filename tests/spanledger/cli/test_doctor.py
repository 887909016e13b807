"""`spanledger doctor`, as a user types it."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from spanledger.cli import main

Findings = list[tuple[str, str]]


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a folder and an environment without settings, whose telemetry goes nowhere."""
    monkeypatch.chdir(tmp_path)
    for name in os.environ:
        if name.startswith(("SPANLEDGER_", "COST_", "OTEL_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_METRICS_EXPORTER", "none")
    monkeypatch.setenv("OTEL_PYTHON_DISTRO", "spanledger")
    monkeypatch.setenv("OTEL_PYTHON_CONFIGURATOR", "spanledger")


def found(capsys: pytest.CaptureFixture[str], code: int, topic: str) -> Findings:
    """What the doctor finds on a topic, and that it ends with this code."""
    assert main(["doctor", "--format", "json"]) == code
    told = json.loads(capsys.readouterr().out)
    return [(one["state"], one["text"]) for one in told if one["topic"] == topic]


def test_every_adapter_has_its_patch_points(capsys: pytest.CaptureFixture[str]) -> None:
    adapters = found(capsys, 0, "adapter")
    assert any(text.startswith("openai: openai ") and text.endswith(" patch points") for _, text in adapters)
    assert {state for state, _ in adapters} <= {"ok", "note"}


def test_budgets_are_named(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPANLEDGER_BUDGETS", "run=5USD;tenant/day=10USD")
    assert found(capsys, 0, "budgets") == [("ok", "run/run, tenant/day")]


def test_budgets_that_cannot_be_read_are_a_problem(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPANLEDGER_BUDGETS", "nobody.yaml")
    ((state, text),) = found(capsys, 1, "budgets")
    assert state == "problem"
    assert "every call is refused" in text
    assert "nobody.yaml" in text


def test_a_setting_that_has_no_effect_is_noted(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SPANLEDGER_CAPTURE_CONTENT", "archive")
    ((state, text),) = found(capsys, 0, "setting")
    assert (state, "keeps nothing" in text) == ("note", True)


def test_looking_at_budgets_makes_no_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("SPANLEDGER_BUDGETS", "run=5USD")
    monkeypatch.setenv("SPANLEDGER_STORE", f"sqlite:///{tmp_path / 'budgets.sqlite'}")
    found(capsys, 0, "budgets")
    assert list(tmp_path.iterdir()) == []
