"""`spanledger top`: once for scripts, as JSON for machines, and as a screen that goes when it is interrupted."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from spanledger.cli import main
from spanledger.ledger import Entry, database
from spanledger.ledger.migrate import migrate
from spanledger.ledger.writes import write
from spanledger.usage import Usage

NANO = 10**9
Told = Callable[..., tuple[int, str, str]]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger in which acme made a call just now, and somebody one without a price, which failed."""
    url = f"sqlite://{tmp_path}/calls.sqlite"
    for name, value in {
        "SPANLEDGER_STORE": f"sqlite://{tmp_path}/books.sqlite",
        "SPANLEDGER_DATABASE_URL": url,
        "SPANLEDGER_BUDGETS": "global/day=2USD",
    }.items():
        monkeypatch.setenv(name, value)
    engine = database.engine(url)
    migrate(engine)
    now = time.time_ns()
    used = {"usage": Usage(1000, 305), "run": "run-1"}
    priced = {"cost": 1_500_000, "price_status": "priced", "request_model": "gpt-4o-mini", "stage": "plan"}
    dark = {"price_status": "unpriced", "request_model": "house\x1b[2J", "status": "error"}
    write(
        engine,
        [
            Entry("1", now, now, "chat", "openai", tenant="acme", **used, **priced),  # type: ignore[arg-type]
            Entry("2", now, now, "chat", "openai", **used, **dark),  # type: ignore[arg-type]
        ],
    )


@pytest.fixture
def told(settings: None, capsys: pytest.CaptureFixture[str]) -> Told:
    def run(*options: str) -> tuple[int, str, str]:
        code = main(["top", *options])
        return code, *capsys.readouterr()

    return run


def test_once_it_prints_sums_budgets_the_dearest_and_the_runs(told: Told) -> None:
    code, out, _ = told("--once")
    lines = out.splitlines()
    assert code == 0
    assert lines[1] == (
        "$0.0003 a minute | $0.0015 + 1 unpriced in 5 minutes | 2 calls (1 failed, 0 refused) | 2,610 tok"
    )
    assert lines[2] == "global/day ░░░░░░░░░░░░░░░░░░░░ 0 % | $0.00 of $2.00"
    cells = {line.split()[0]: line.split()[1:] for line in lines if line[:1].isalpha()}
    assert cells["plan"] == ["1", "1,305", "0", "ms", "100", "%", "$0.0015"]
    assert cells["house�[2J"][-2:] == ["1", "unpriced"]
    assert cells["run-1"][-4:] == ["$0.0015", "+", "1", "unpriced"]


def test_as_json_money_is_exact_beside_its_rounded_form_and_nobody_is_empty(told: Told) -> None:
    found = json.loads(told("--once", "--format", "json", "--minutes", "1440")[1])
    assert found["time_window_minutes"] == 1440
    assert found["totals"] == {
        "calls": 2,
        "failed": 1,
        "refused": 0,
        "tokens": 2610,
        "cost_usd": 0.0015,
        "cost_nano_usd": 1_500_000,
        "unpriced_calls": 1,
    }
    assert [one["tenant"] for one in found["by_tenant"]] == ["acme", ""]
    assert found["running"][0]["run"] == "run-1"
    assert found["budgets"] == [
        {
            "name": "global/day",
            "scope_value": "",
            "unit": "USD",
            "spent": "0.000000000",
            "limit": "2.000000000",
            "share": 0.0,
            "state": "ok",
        }
    ]


@pytest.mark.parametrize("minutes", ["0", "1441", "-5", "much"])
def test_a_window_that_is_none_is_a_mistake_that_is_said(told: Told, minutes: str) -> None:
    with pytest.raises(SystemExit) as ended:
        told("--minutes", minutes)
    assert ended.value.code == 2


def test_without_a_ledger_it_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPANLEDGER_DATABASE_URL", f"sqlite://{tmp_path}/none.sqlite")
    assert main(["top", "--once"]) == 2
    assert f"there is no ledger at {tmp_path}/none.sqlite yet" in capsys.readouterr().err


def test_on_a_terminal_it_is_a_screen_that_is_made_anew_and_goes_when_it_is_interrupted(settings: None) -> None:
    main_end, side = pty.openpty()
    argv = [str(Path(sys.executable).with_name("spanledger")), "top"]
    environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "120", "LINES": "50"}
    process = subprocess.Popen(argv, env=environ, stdin=side, stdout=side, stderr=side, start_new_session=True)
    os.close(side)
    screen, until = b"", time.monotonic() + 60
    while screen.count(b"a minute") < 2 and time.monotonic() < until:
        if select.select([main_end], [], [], 1)[0]:
            screen += os.read(main_end, 65536)
    process.send_signal(signal.SIGINT)
    while process.poll() is None or select.select([main_end], [], [], 0)[0]:
        try:
            screen += os.read(main_end, 65536)
        except OSError:  # how Linux says that nobody has the other side any more
            break
    os.close(main_end)
    assert process.wait(30) == 0
    shown = screen.decode()
    assert shown.startswith("\x1b[?1049h")
    assert shown.count("$0.0015 + 1 unpriced in 5 minutes") >= 2
    assert "plan" in shown
    assert "\x1b[?1049l" in shown
    assert "Traceback" not in shown
