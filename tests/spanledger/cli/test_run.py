"""`spanledger run` without any setting: calls are in the ledger that `report`, `top` and `serve` read."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from provider import Provider

APP = """
import openai
openai.OpenAI().chat.completions.create(
    model="gpt-4o-mini", messages=[{"role": "user", "content": "<<input=1000 output=305>> Hi"}]
)
"""
SPANLEDGER = str(Path(sys.executable).with_name("spanledger"))


@pytest.fixture
def environ(provider: Provider, tmp_path: Path) -> dict[str, str]:
    """That of somebody who has set nothing of ours."""
    ours = ("OTEL_", "SPANLEDGER_", "COST_", "PYTHONPATH", "XDG_")
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)} | {
        "OPENAI_BASE_URL": provider.base_url,
        "OPENAI_API_KEY": "sk-run",
        "HOME": str(tmp_path),
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
    }


def said(argv: list[str], environ: dict[str, str], folder: Path) -> str:
    ended = subprocess.run(
        [SPANLEDGER, *argv], env=environ, cwd=folder, capture_output=True, text=True, timeout=60, check=True
    )
    return ended.stdout


def test_what_runs_under_it_is_in_the_report_without_any_setting(environ: dict[str, str], tmp_path: Path) -> None:
    said(["run", "--", sys.executable, "-c", APP], environ, tmp_path)
    assert " Cost $0.000333 " in " ".join(said(["report", "cost"], environ, tmp_path).split())
    assert (tmp_path / ".local/state/spanledger/calls.sqlite").exists()


def test_a_store_of_ones_own_is_kept_to(environ: dict[str, str], tmp_path: Path) -> None:
    said(["run", "--", sys.executable, "-c", APP], environ | {"SPANLEDGER_STORE": "memory:"}, tmp_path)
    assert not (tmp_path / ".local").exists()
