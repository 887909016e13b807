"""Entries on their way to the database: nothing that was taken is lost, nothing counts twice."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tests.support import ledgering
from tests.support.ledgering import entry, ids, recorder, wait_for, waiting

from spanledger.config import Settings
from spanledger.ledger import Entry, Line, Recorder, opening
from spanledger.ledger.outbox import Outbox

ROOT = Path(__file__).parents[3]


@pytest.fixture
def file(tmp_path: Path) -> str:
    return f"sqlite://{tmp_path}/calls.sqlite"


class Taking:
    """A sink that keeps what it takes, and fails while it is `down`."""

    def __init__(self, tidy: Callable[[], bool] = lambda: False) -> None:
        self.taken: list[Line] = []
        self.down = False
        self.tidy = tidy

    def __call__(self, lines: Sequence[Line]) -> None:
        if self.down:
            raise ConnectionError
        self.taken += lines


def writer(url: str, out: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "tests.support.ledger_writer", url, out.name]
    with out.open("wb") as said:
        return subprocess.Popen(command, stdout=said, cwd=ROOT)


def test_entries_get_to_the_database_by_themselves(url: str) -> None:
    if url.startswith("postgresql"):
        ledgering.migrate(url)
    ledger = recorder(url)
    for number in range(50):
        ledger.record(entry(str(number)))
    assert len(wait_for(url, 50)) == 50
    ledger.close()
    assert waiting(opening.outbox_of(url)) == []


def test_an_orderly_end_leaves_nothing_behind(file: str) -> None:
    ledger = recorder(file)
    ledger.record(entry("1"))
    ledger.close()
    assert ids(file) == {"1"}
    assert waiting(opening.outbox_of(file)) == []


def test_an_end_does_not_wait_for_the_ledger_to_be_tidied(tmp_path: Path) -> None:
    tidying, on = threading.Event(), threading.Event()

    def tidy() -> bool:
        tidying.set()
        return on.wait(30)

    taking = Taking(tidy)
    ledger = Recorder(tmp_path, lambda: taking)
    ledger.record(entry("1"))
    assert tidying.wait(30)
    ledger.record(entry("2"))
    ledger.close()
    assert [one.id for one in taking.taken] == ["1", "2"]
    assert waiting(tmp_path) == []
    on.set()


def test_the_ledger_is_tidied_by_steps_until_there_is_no_more_to_do(tmp_path: Path) -> None:
    more, done = [True, True, False], threading.Event()

    def tidy() -> bool:
        if len(more) == 1:
            done.set()
        return more.pop(0)

    ledger = Recorder(tmp_path, lambda: Taking(tidy))
    ledger.record(entry("1"))
    assert done.wait(30)
    ledger.close()


def test_what_was_taken_after_the_end_is_brought_by_the_next_process(file: str) -> None:
    ledger = recorder(file)
    ledger.close()
    ledger.record(entry("late"))
    ledger._outbox.forked()  # as if the process had died: the file is closed and nobody locks it
    assert len(waiting(opening.outbox_of(file))) == 1
    recorder(file)
    assert wait_for(file, 1) == {"late"}


def test_processes_killed_at_any_instant_lose_nothing_that_was_taken(file: str, tmp_path: Path) -> None:
    outputs = [tmp_path / f"out-{number}" for number in range(3)]
    processes = [writer(file, out) for out in outputs]
    for number, (process, out) in enumerate(zip(processes, outputs, strict=True)):
        while out.stat().st_size < 1000 * (number + 1) ** 2:
            assert process.poll() is None
            time.sleep(0.001)
        process.kill()
        process.wait()
    said_ids = {line for out in outputs for line in out.read_text().split("\n")[:-1]}
    recorder(file)
    found = wait_for(file, len(said_ids))
    assert said_ids <= found
    assert len(found - said_ids) <= len(outputs)  # taken, and killed before it was said
    assert ledgering.cost(file) == len(found)


def test_a_forked_child_has_an_outbox_of_its_own(file: str) -> None:
    ledger = recorder(file)
    ledger.record(entry("parent"))
    child = os.fork()
    if child == 0:
        ledger.record(entry("child"))
        ledger.close()
        os._exit(0)
    os.waitpid(child, 0)
    ledger.record(entry("parent-again"))
    ledger.close()
    after = recorder(file)  # on a busy machine there may be something left for it
    after.recover_now()
    after.close()
    assert ids(file) == {"parent", "child", "parent-again"}


def test_threads_write_whole_lines(tmp_path: Path) -> None:
    outbox = Outbox(tmp_path)

    def write(who: int) -> None:
        for number in range(200):
            outbox.append(entry(f"{who}-{number}").line())

    threads = [threading.Thread(target=write, args=(who,)) for who in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({Entry.read(line).id for line in outbox.piece().splitlines()}) == 1600
    outbox.drained(outbox.waiting)
    assert outbox.piece() == b""
    outbox.close()


def test_what_no_outbox_can_take_is_counted_and_the_app_goes_on(
    tmp_path: Path, failures: Counter[tuple[str, str]]
) -> None:
    ledger = Recorder(tmp_path / "outbox", Taking)
    (tmp_path / "outbox").write_text("a file where the folder should be")
    ledger.record(entry("1"))
    ledger.record(entry("2"))
    assert failures[("ledger", "FileExistsError")] == 2


def test_a_full_outbox_keeps_what_it_has(tmp_path: Path) -> None:
    line = entry("1").line()
    outbox = Outbox(tmp_path, full=3 * len(line))
    for _ in range(3):
        outbox.append(line)
    with pytest.raises(OSError, match="full"):
        outbox.append(line)
    assert outbox.piece() == 3 * line


def test_a_database_that_is_down_is_tried_again(tmp_path: Path, failures: Counter[tuple[str, str]]) -> None:
    taking = Taking()
    taking.down = True
    ledger = Recorder(tmp_path, lambda: taking)
    ledger.record(entry("1"))
    with pytest.raises(ConnectionError):
        ledger.drain_now()
    taking.down = False
    ledger.record(entry("2"))
    ledger.drain_now()
    assert [one.id for one in taking.taken] == ["1", "2"]
    ledger.close()


def test_a_damaged_line_costs_only_itself(file: str, failures: Counter[tuple[str, str]]) -> None:
    folder = opening.outbox_of(file)
    folder.mkdir()
    good = entry("good").line()
    (folder / "1-dead.jsonl").write_bytes(b"{nonsense\n" + good + b'{"id":"half')
    recorder(file)
    assert wait_for(file, 1) == {"good"}
    assert failures[("ledger", "JSONDecodeError")] == 1


@pytest.mark.parametrize(
    ("settings", "budgeted", "where"),
    [
        (Settings(), False, None),
        (Settings(store="memory:"), True, None),
        (Settings(store="redis://host"), True, None),
        (Settings(store="sqlite:///var/budgets.sqlite"), False, "sqlite:///var/calls.sqlite"),
        (Settings(database_url="postgresql://host/db"), False, "postgresql://host/db"),
        (Settings(store="sqlite:///var/budgets.sqlite", database_url="off"), True, None),
    ],
)
def test_a_ledger_is_kept_where_there_is_a_file_or_a_url(settings: Settings, budgeted: bool, where: str | None) -> None:
    assert opening.url_of(settings, budgeted=budgeted) == where


def test_a_budget_alone_puts_the_ledger_beside_its_file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    assert opening.url_of(Settings(), budgeted=True) == f"sqlite://{tmp_path}/spanledger/calls.sqlite"
