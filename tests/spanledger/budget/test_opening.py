"""A URL names a store, and what it names is not touched before it is used."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from spanledger.budget.memory import MemoryStore
from spanledger.budget.opening import default_path, open_store
from spanledger.budget.redis import RedisStore
from spanledger.budget.sqlite import SqliteStore
from spanledger.errors import ConfigError


def test_memory_is_a_store_of_this_process() -> None:
    assert isinstance(open_store("memory:"), MemoryStore)


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///{here}/b.sqlite", "{here}/b.sqlite"),
        ("sqlite:////{here}/b.sqlite", "{here}/b.sqlite"),
        ("sqlite:{here}/b.sqlite", "{here}/b.sqlite"),
        ("sqlite:b.sqlite", "{here}/b.sqlite"),
        ("sqlite:sub/100%25.sqlite", "{here}/sub/100%25.sqlite"),
        ("sqlite:~/b.sqlite", "{here}/b.sqlite"),
    ],
)
def test_a_path_is_taken_as_it_is_written(url: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    here = str(tmp_path).lstrip("/") if "///" in url else str(tmp_path)
    store = open_store(url.format(here=here))
    assert list(tmp_path.iterdir()) == []
    assert isinstance(store, SqliteStore)
    store.figures()
    store.close()
    assert Path(path.format(here=tmp_path)).exists()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "names no store; give auto, memory:, sqlite:///absolute/path, sqlite:relative/path or redis://"),
        ("memory", "names no store"),
        ("memory:x", "names no store"),
        ("postgres://host/db", "names no store"),
        ("/tmp/b.sqlite", "names no store"),
        ("redis:6379", "names no store"),
        ("redis://:secret@host:port/0", "this is no URL of a Redis"),
        ("redis://:secret@host/name", "the database 'name' is no number; give redis://user:password@host:6379/0"),
        ("redis://:secret@host/0?sockettimeout=1", "this is no URL of a Redis"),
        ("redis://:secret@host/0?socket_timeout=x", "Invalid value for 'socket_timeout'"),
        ("sqlite:", "names no file"),
        ("sqlite:///", "names no file"),
        ("sqlite:///tmp/", "names no file"),
        ("sqlite://host/b.sqlite", "an absolute path takes three slashes"),
    ],
)
def test_what_names_no_store_is_told_with_the_way_out(url: str, words: str) -> None:
    with pytest.raises(ConfigError, match="SPANLEDGER_STORE") as raised:
        open_store(url)
    assert words in str(raised.value)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize("url", ["redis://host:6379/0", "rediss://u:p@host/1?prefix=x", "unix:///run/redis.sock?db=1"])
def test_a_redis_is_named_and_not_reached(url: str) -> None:
    assert isinstance(open_store(url), RedisStore)


def test_a_redis_without_its_package_names_the_extra() -> None:
    code = (
        "import sys; sys.modules['redis'] = None\n"
        "from spanledger.budget.opening import open_store\n"
        "from spanledger.errors import ConfigError\n"
        "try: open_store('redis://host')\n"
        "except ConfigError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'spanledger[redis]'" in done.stdout


def test_who_uses_no_redis_does_not_load_its_package() -> None:
    code = "import sys, spanledger.budget.opening as o; o.open_store('memory:'); print('redis' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"


@pytest.mark.parametrize("state", [None, "", "relative/state"])
def test_the_default_file_is_in_the_users_state_directory(
    state: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    environment = {} if state is None else {"XDG_STATE_HOME": state}
    assert default_path(environment) == tmp_path / ".local/state/spanledger/budgets.sqlite"
    assert default_path({"XDG_STATE_HOME": "/var/state"}) == Path("/var/state/spanledger/budgets.sqlite")


def test_an_sqlite_that_does_not_know_our_sql_is_named_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 7, 17))
    for url in ("auto", "sqlite:///tmp/books.sqlite"):
        with pytest.raises(ConfigError, match=r"SPANLEDGER_STORE: a file needs SQLite 3\.24 or later"):
            open_store(url)
    assert isinstance(open_store("memory:"), MemoryStore)


def test_auto_is_the_file_of_this_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    store = open_store("auto")
    store.figures()
    store.close()
    assert (tmp_path / "spanledger" / "budgets.sqlite").exists()
