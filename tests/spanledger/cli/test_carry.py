"""`spanledger ledger export` and `import`: a table in a file, and the whole ledger in a folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, insert, text

from spanledger.cli import main
from spanledger.ledger import CacheEvent, Entry, database, schema
from spanledger.ledger.migrate import migrate
from spanledger.ledger.questions import caches, queries
from spanledger.ledger.questions.filters import Window
from spanledger.ledger.writes import write

NANO = 1_000_000_000
AT = 1_790_000_000
WINDOW = Window.of(AT, AT + 3600)
Told = Callable[..., tuple[int, str]]


@pytest.fixture
def told(capsys: pytest.CaptureFixture[str]) -> Told:
    def run(*command: str) -> tuple[int, str]:
        code = main(["ledger", *command])
        out, error = capsys.readouterr()
        return code, out + error

    return run


@pytest.fixture
def ledger(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """Three calls of a run, a cache that was asked twice, and a score."""
    url = f"sqlite://{tmp_path}/calls.sqlite"
    monkeypatch.setenv("SPANLEDGER_DATABASE_URL", url)
    made = database.engine(url)
    migrate(made)
    times = [((AT + n) * NANO, (AT + n + 60) * NANO) for n in range(3)]
    write(made, [Entry(str(n), *at, "chat", "openai", run="r", cost=n) for n, at in enumerate(times)])
    write(made, [CacheEvent(str(n), (AT + n) * NANO, "l1", hit=n > 0) for n in range(2)])
    with made.begin() as connection:
        connection.execute(insert(schema.scores).values(id="s", at=AT * NANO, run="r", name="exact", value=1.0))
    return made


def other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Engine:
    """The ledger that commands use from now on; there is none there yet."""
    url = f"sqlite://{tmp_path}/other.sqlite"
    monkeypatch.setenv("SPANLEDGER_DATABASE_URL", url)
    return database.engine(url)


def answers(engine: Engine) -> list[Any]:
    with database.reading(engine) as connection:
        return [ask(connection, WINDOW) for ask in (queries.totals, caches.hits, caches.marks)]


@pytest.mark.parametrize("format_", ["jsonl", "csv", "parquet"])
def test_a_whole_ledger_goes_through_a_folder(
    ledger: Engine, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, format_: str
) -> None:
    folder = f"{tmp_path}/taken/"
    code, said = told("export", folder, "--format", format_)
    assert (code, said) == (0, "1 runs written\n3 calls written\n2 cache events written\n1 scores written\n")
    there = other(tmp_path, monkeypatch)
    counts = {"runs": 1, "calls": 3, "cache events": 2, "scores": 1}
    new = "".join(f"{count} {name} read, {count} of them new\n" for name, count in counts.items())
    assert told("import", folder) == (0, new)
    assert answers(there) == answers(ledger)
    old = "".join(f"{count} {name} read, 0 of them new\n" for name, count in counts.items())
    assert told("import", folder) == (0, old)
    assert answers(there) == answers(ledger)


def test_one_table_goes_through_a_file_that_its_name_or_an_option_tells(
    ledger: Engine, told: Told, tmp_path: Path
) -> None:
    assert told("export", str(tmp_path / "cache_events.csv")) == (0, "2 cache events written\n")
    assert told("export", "--table", "scores", str(tmp_path / "some.csv")) == (0, "1 scores written\n")
    assert told("import", str(tmp_path / "cache_events.csv")) == (0, "2 cache events read, 0 of them new\n")
    code, said = told("import", str(tmp_path / "some.csv"))
    assert (code, "line 1: these are scores, not calls; say --table scores" in said) == (2, True)


def test_a_table_of_a_folder_is_taken_alone(ledger: Engine, told: Told, tmp_path: Path) -> None:
    assert told("export", "--table", "scores", str(tmp_path / "only") + "/") == (0, "1 scores written\n")
    assert [path.name for path in (tmp_path / "only").iterdir()] == ["scores.jsonl"]


def test_what_was_brought_before_a_bad_line_is_told(
    ledger: Engine, told: Told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("spanledger.cli.carry._BATCH", 2)
    file = tmp_path / "calls.csv"
    told("export", str(file))
    file.write_text(file.read_text().replace(f"{(AT + 2) * NANO}", "soon", 1))
    there = other(tmp_path, monkeypatch)
    code, said = told("import", str(file))
    assert code == 2
    assert said == (
        f"spanledger ledger: {file}: line 4: started must be a whole number of 64 bits, not 'soon'. In the ledger are "
        "the first 2 of its calls (2 new); put it right and import it again: what is there already counts once\n"
    )
    assert answers(there)[0].calls == 2
    file.write_text(file.read_text().replace("soon", f"{(AT + 2) * NANO}", 1))
    assert told("import", str(file)) == (0, "3 calls read, 1 of them new\n")
    assert answers(there)[0] == answers(ledger)[0]


def test_an_export_into_a_folder_that_fails_leaves_the_one_that_was_there(
    ledger: Engine, told: Told, tmp_path: Path
) -> None:
    folder = tmp_path / "taken"
    told("export", f"{folder}/")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    write(ledger, [Entry("more", AT * NANO, AT * NANO, "chat", "openai", run="r")])
    with ledger.begin() as connection:
        connection.execute(text("DROP TABLE scores"))
    assert told("export", str(folder))[0] == 2
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_an_export_that_is_interrupted_ends_without_a_word(ledger: Engine, tmp_path: Path) -> None:
    write(ledger, [Entry(f"many {n}", AT * NANO, AT * NANO, "chat", "openai", run="r") for n in range(1000)])
    pipe = tmp_path / "calls.jsonl"
    os.mkfifo(pipe)
    command = [str(Path(sys.executable).with_name("spanledger")), "ledger", "export", str(pipe)]
    with subprocess.Popen(command, stderr=subprocess.PIPE) as process, pipe.open("rb") as file:
        assert file.read(1)  # it is in the midst of it: more is to be written than a pipe takes
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[1] == b""
    assert process.returncode == 130


def test_files_and_folders_that_are_not_there_are_told(ledger: Engine, told: Told, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    code, said = told("import", str(tmp_path / "empty"))
    assert (code, "there is no export in this folder, such as" in said) == (2, True)
    assert told("import", "/nowhere/calls.csv") == (
        2,
        "spanledger ledger: /nowhere/calls.csv: No such file or directory\n",
    )
    assert told("export", "/dev/null/taken/") == (2, "spanledger ledger: /dev/null/taken: Not a directory\n")
