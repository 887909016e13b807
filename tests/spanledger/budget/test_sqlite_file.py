"""The file of the SQLite store: who may read it, what can go wrong with it, and that all is well when that is over."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from tests.support.clock import Clock

from spanledger.budget.sqlite import SqliteStore, database
from spanledger.budget.store import Claim, Counter, Figures, Settled, StoreError

RUN = Counter("run", "r1", "r1")
CLAIMS = [Claim(RUN, 7, 1000)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "spanledger" / "budgets.sqlite"


@pytest.fixture
def store(path: Path, clock: Clock) -> Iterator[SqliteStore]:
    made = SqliteStore(path, clock=clock)
    yield made
    made.close()


@contextmanager
def by_hand(path: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(path)) as connection, connection:
        yield connection


def spend(store: SqliteStore, hold: str, amount: int) -> None:
    assert store.reserve(hold, CLAIMS, 60) is None
    store.settle(hold, CLAIMS, [amount])


def test_no_file_is_made_before_the_first_use(path: Path) -> None:
    SqliteStore(path).close()
    assert not path.parent.exists()


def test_nobody_else_can_read_it(store: SqliteStore, path: Path) -> None:
    spend(store, "a", 1)
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert {file.name: file.stat().st_mode & 0o777 for file in path.parent.iterdir()} == {
        "budgets.sqlite": 0o600,
        "budgets.sqlite-shm": 0o600,
        "budgets.sqlite-wal": 0o600,
    }


@pytest.mark.parametrize("name", ["a b.sqlite", "100%.sqlite", "what?.sqlite", "#1.sqlite", "käse.sqlite"])
def test_the_file_may_have_any_name(tmp_path: Path, name: str) -> None:
    store = SqliteStore(tmp_path / name)
    spend(store, "a", 1)
    store.close()
    assert [file.name for file in tmp_path.iterdir()] == [name]


def test_two_stores_of_one_file_are_one(store: SqliteStore, path: Path, clock: Clock) -> None:
    other = SqliteStore(path, clock=clock)
    store.reserve("a", CLAIMS, 60)
    assert other.settle("a", CLAIMS, [3]) == Settled()
    other.close()
    assert store.figure(RUN) == Figures(committed=3)


def refused(store: SqliteStore, words: str) -> None:
    """Every operation says what is the matter, in the same words."""
    for operation in (
        lambda: store.reserve("r", CLAIMS, 60),
        lambda: store.settle("r", CLAIMS, [1]),
        lambda: store.release("r"),
        store.expire,
        store.figures,
        store.gaps,
    ):
        with pytest.raises(StoreError, match=words):
            operation()


def test_a_damaged_file_is_refused_and_a_good_copy_is_used(store: SqliteStore, path: Path, tmp_path: Path) -> None:
    spend(store, "a", 3)
    store.close()
    copy = Path(shutil.copy(path, tmp_path / "copy"))
    whole = path.read_bytes()
    path.write_bytes(whole[:100] + b"\xff" * (len(whole) - 100))
    refused(store, r"budgets\.sqlite: it is damaged; move it away .* or put a copy in its place")
    copy.replace(path)
    assert store.figure(RUN) == Figures(committed=3)


def test_a_file_that_is_no_database_is_left_alone(store: SqliteStore, path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.write_text("my diary\n" * 1000)
    refused(store, r"budgets\.sqlite: it is no database; move it away, or name another file in SPANLEDGER_STORE")
    assert path.read_text() == "my diary\n" * 1000


def test_a_database_of_something_else_is_left_alone(store: SqliteStore, path: Path) -> None:
    path.parent.mkdir(parents=True)
    with by_hand(path) as connection:
        connection.execute("CREATE TABLE recipes (name TEXT)")
    refused(store, "is a database of something else; name another file in SPANLEDGER_STORE")
    with by_hand(path) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("delete",)


def test_a_file_of_a_later_version_is_left_alone(store: SqliteStore, path: Path) -> None:
    spend(store, "a", 3)
    store.close()
    with by_hand(path) as connection:
        connection.execute("PRAGMA user_version = 99")
    refused(store, r"was made by a later spanledger \(version 99, this one knows 2\): update it")


def test_a_file_of_the_first_version_gets_the_table_of_notes_and_keeps_what_was_spent(
    store: SqliteStore, path: Path
) -> None:
    spend(store, "a", 3)
    store.close()
    with by_hand(path) as connection:
        connection.execute("DROP TABLE notes")
        connection.execute("PRAGMA user_version = 1")
    store.notes.put("key", "value", 60)
    assert store.notes.peek("key") == "value"
    assert store.figure(RUN) == Figures(committed=3)


def test_an_empty_file_is_a_new_store(store: SqliteStore, path: Path) -> None:
    path.parent.mkdir(parents=True)
    path.touch()
    spend(store, "a", 3)
    assert store.figure(RUN) == Figures(committed=3)


def test_a_directory_that_cannot_be_made_is_told_and_used_once_it_can(store: SqliteStore, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")
    refused(store, r"budgets\.sqlite: it cannot be used \((Not a directory|File exists)\)")
    (tmp_path / "state").unlink()
    spend(store, "a", 3)


def test_a_path_that_is_a_directory_is_told(store: SqliteStore, path: Path) -> None:
    path.mkdir(parents=True)
    refused(store, "it cannot be opened; this user must be able to write the file and its directory")


@pytest.mark.parametrize("what", ["file", "directory"])
def test_a_file_that_was_removed_begins_anew_and_says_so(
    store: SqliteStore, path: Path, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    spend(store, "before", 3)
    store.reserve("under way", CLAIMS, 60)
    path.unlink() if what == "file" else path.parent.rename(path.parent.with_name("aside"))
    assert store.settle("under way", CLAIMS, [5]) == Settled()
    assert store.figure(RUN) == Figures(committed=5)
    assert [record.getMessage() for record in caplog.records] == [
        f"spanledger budget store {path} was removed or replaced: spent is what the new file says"
    ]


def test_a_file_that_was_replaced_keeps_what_others_wrote_to_it(
    store: SqliteStore, path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """Letting go of the old file must not take away the log of the new one, which has the same name."""
    spend(store, "before", 3)
    path.parent.rename(path.parent.with_name("aside"))
    other = SqliteStore(path, clock=clock)
    spend(other, "after", 1)
    assert store.figure(RUN) == Figures(committed=1)
    store.close()
    spend(other, "again", 1)
    other.close()
    assert store.figure(RUN) == Figures(committed=2)
    assert len(caplog.records) == 1


def test_who_keeps_it_locked_is_waited_for_in_vain_for_a_while(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spend(store, "a", 3)
    monkeypatch.setattr(database, "PATIENCE", 0.05)
    with by_hand(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process keeps it locked"):
            store.reserve("b", CLAIMS, 60)
        assert store.figure(RUN) == Figures(committed=3), "who only looks does not wait"
    spend(store, "b", 3)


def in_a_process(path: Path, code: str) -> str:
    """What a process says that does this with a store."""
    head = (
        "import os, resource, sys; from pathlib import Path\n"
        "from spanledger.budget.sqlite import SqliteStore\n"
        "from spanledger.budget.store import *\n"
        "store = SqliteStore(Path(sys.argv[1]))\n"
        "claims = [Claim(Counter('run', 'r1', 'r1'), 7, 10**9)]\n"
    )
    command = [sys.executable, "-c", head + code, str(path)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


def test_a_full_disk_refuses_new_calls_and_loses_nothing_that_was_booked(store: SqliteStore, path: Path) -> None:
    spend(store, "a", 3)
    code = (
        "resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
        "for number in range(100_000):\n"
        "    try:\n"
        "        assert store.reserve(f'h{number}', claims, 60) is None\n"
        "        store.settle(f'h{number}', claims, [1])\n"
        "    except StoreError as error:\n"
        "        print(number, error)\n"
        "        break\n"
    )
    number, _, told = in_a_process(path, code).partition(" ")
    assert "reading or writing failed; look for a full disk, a size limit or a broken file system" in told
    found = store.figure(RUN)
    assert found.committed == 3 + int(number)
    assert found.held in (0, 7)
    assert list(store.gaps()) == []
    spend(store, "after", 1)


def test_a_full_file_refuses_until_there_is_room_again(store: SqliteStore, path: Path) -> None:
    spend(store, "a", 3)
    connection = store._database._connection
    assert connection is not None
    connection.execute("PRAGMA max_page_count = 8")
    many = [Claim(Counter("run", f"r{number}", "x" * 500), 1, 10) for number in range(100)]
    with pytest.raises(StoreError, match="the disk is full; free some space"):
        store.reserve("b", many, 60)
    assert list(store.gaps()) == []
    spend(store, "after", 1)


def test_a_file_that_this_user_may_only_read_is_told_and_used_once_it_can_be_written() -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "budgets.sqlite"
        store = SqliteStore(path)
        spend(store, "a", 3)
        store.close()
        path.chmod(0o444)
        Path(folder).chmod(0o555)
        code = (
            "if os.getuid() == 0: os.setresuid(65534, 65534, 65534)\n"
            "for operation in (lambda: store.reserve('b', claims, 60), store.figures):\n"
            "    try:\n"
            "        operation()\n"
            "    except StoreError as error:\n"
            "        print(error)\n"
        )
        told = in_a_process(path, code).splitlines()
        assert len(told) == 2
        assert all("this user must be able to write the file and its directory" in line for line in told)
        path.chmod(0o600)
        Path(folder).chmod(0o700)
        spend(store, "b", 1)
        store.close()


def test_only_the_first_waits_long_for_who_keeps_it_locked(
    store: SqliteStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(database, "PATIENCE", 0.1)
    assert store.reserve("a", CLAIMS, 60) is None
    with by_hand(path) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError):
            store.reserve("b", CLAIMS, 60)
        monkeypatch.setattr(database, "PATIENCE", 60.0)
        began = time.monotonic()
        for _ in range(3):
            with pytest.raises(StoreError):
                store.reserve("b", CLAIMS, 60)
        assert time.monotonic() - began < 30
    assert store.reserve("b", CLAIMS, 60) is None
