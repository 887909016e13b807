"""`spanledger serve`: a process of its own over loopback, and what it refuses to do."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2
import pytest
import yaml
from tests.support.entries import entries
from tests.support.ports import free_port
from tests.support.waiting import until

from spanledger.cli import main
from spanledger.ledger import opening

ENTRIES = list(entries(3, 20))


def listening(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0


@contextmanager
def served(folder: Path, **settings: str) -> Iterator[str]:
    port = free_port()
    command = [sys.executable, "-m", "spanledger", "serve", "--port", str(port)]
    environ = {**os.environ, "XDG_STATE_HOME": str(folder), "SPANLEDGER_BUDGETS": "global=5USD", **settings}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, env=environ, stdout=log, stderr=log)
    try:
        assert until(lambda: process.poll() is not None or listening(port))
        assert process.poll() is None, (folder / "log").read_text()
        yield f"http://127.0.0.1:{port}"
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM), (folder / "log").read_text()
    finally:
        process.kill()
        process.wait()


def test_it_answers_from_the_file_beside_the_store_with_what_dead_processes_left(
    tmp_path: Path, http: httpx2.Client
) -> None:
    file = tmp_path / "spanledger" / "calls.sqlite"
    outbox = opening.outbox_of(f"sqlite://{file}")
    outbox.mkdir(parents=True)
    (outbox / "1-dead.jsonl").write_bytes(b"".join(entry.line() for entry in ENTRIES))
    with served(tmp_path) as url:
        assert f"dashboard, API and OTLP on {url}\n" in (tmp_path / "log").read_text()
        assert "<h1>Overview</h1>" in http.get(url).text
        assert http.get(f"{url}/readyz").json() == {"status": "ok"}
        asked = {"since": "2026-09-01", "until": "2026-10-01"}
        costs = http.get(f"{url}/api/metrics/costs", params=asked).json()["costs"]
        assert costs["total_cost_nano_usd"] == sum(entry.cost or 0 for entry in ENTRIES)
        assert http.get(f"{url}/api/budgets").json()[0]["limit"] == "5.000000000"
        assert main(["serve", "--port", url.rpartition(":")[2]]) == 2


def test_a_token_is_shown_once_and_its_entry_opens_the_service(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], http: httpx2.Client
) -> None:
    assert main(["serve", "token", "grafana", "--scope", "read", "--scope", "write", "--tenant", "acme"]) == 0
    out = capsys.readouterr().out
    token = re.search(r"sl_[\w-]{43}", out)
    assert token is not None
    entry = out[out.index("- name") :]
    assert token.group() not in entry
    assert yaml.safe_load(entry)[0] | {"sha256": ""} == {
        "name": "grafana",
        "sha256": "",
        "scopes": ["read", "write"],
        "tenant": "acme",
    }
    file = tmp_path / "tokens.yaml"
    file.write_text(f"tokens:\n{entry}")
    with served(tmp_path, SPANLEDGER_SERVICE_TOKENS=str(file)) as url:
        assert http.get(f"{url}/api/tenants").status_code == 401
        headers = {"Authorization": f"Bearer {token.group()}"}
        assert http.get(f"{url}/api/tenants", headers=headers).json()["tenants"] == []


@pytest.mark.parametrize(
    ("given", "field"), [(["", "--tenant", "acme"], "name"), (["x", "--tenant", ""], "tenant"), (["x" * 300], "name")]
)
def test_a_token_that_the_file_could_not_hold_is_refused(
    given: list[str], field: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["serve", "token", *given]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err == f"spanledger serve: the {field} of a token must have 1 to 256 characters\n"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "costs.example.com"])
def test_without_tokens_it_listens_on_loopback_only(capsys: pytest.CaptureFixture[str], host: str) -> None:
    assert main(["serve", "--host", host]) == 2
    assert "SPANLEDGER_SERVICE_TOKENS" in capsys.readouterr().err


def test_without_a_place_for_a_ledger_it_says_what_to_set(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPANLEDGER_STORE", "memory:")
    assert main(["serve", "--port", str(free_port())]) == 2
    assert "SPANLEDGER_DATABASE_URL" in capsys.readouterr().err


def test_with_a_store_in_memory_it_says_that_it_sees_no_budgets_of_others(tmp_path: Path) -> None:
    database = f"sqlite://{tmp_path}/calls.sqlite"
    with served(tmp_path, SPANLEDGER_STORE="memory:", SPANLEDGER_DATABASE_URL=database):
        assert until(lambda: "cannot see those of others" in (tmp_path / "log").read_text())
    assert "SPANLEDGER_STORE=memory:" in (tmp_path / "log").read_text()


def test_where_the_database_is_away_it_says_so_in_a_sentence(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPANLEDGER_DATABASE_URL", "postgresql://app@127.0.0.1:1/ledger")
    assert main(["serve", "--port", str(free_port())]) == 2
    assert "the ledger cannot be used" in capsys.readouterr().err


@pytest.mark.parametrize("port", ["0", "99999", "http"])
def test_a_port_that_is_none_is_refused(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["serve", "--port", port])
    assert ended.value.code == 2
    assert f"'{port}' must be a port from 1 to 65535" in capsys.readouterr().err
