"""Files that commands write: whole, or not at all."""

from __future__ import annotations

import errno
import os
import signal
from pathlib import Path

import pytest

from spanledger.cli.whole import whole


@pytest.fixture
def there(tmp_path: Path) -> Path:
    """A file that only its owner may read."""
    file = tmp_path / "calls.jsonl"
    file.write_bytes(b"before")
    file.chmod(0o600)
    return file


@pytest.mark.parametrize("stops", [KeyboardInterrupt(), OSError("full"), ValueError("no such row")])
def test_what_was_there_stays_where_a_file_does_not_become_whole(there: Path, stops: BaseException) -> None:
    def stopped() -> None:
        with whole(there) as file:
            file.write(b"half")
            file.flush()
            raise stops

    with pytest.raises(type(stops)):
        stopped()
    assert [(path, path.read_bytes()) for path in there.parent.iterdir()] == [(there, b"before")]


def test_a_process_that_is_told_to_end_leaves_no_part_of_a_file(there: Path) -> None:
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as ended, whole(there.with_name("new")):
        os.kill(os.getpid(), signal.SIGTERM)
    assert (ended.value.code, signal.getsignal(signal.SIGTERM)) == (143, before)
    assert list(there.parent.iterdir()) == [there]


def test_a_whole_file_takes_the_place_and_the_permissions_of_the_one_before(there: Path) -> None:
    with whole(there) as file:
        file.write(b"after")
    assert (there.read_bytes(), there.stat().st_mode & 0o777) == (b"after", 0o600)
    assert list(there.parent.iterdir()) == [there]


def test_a_link_goes_on_to_lead_to_the_file(there: Path) -> None:
    link = there.with_name("latest")
    link.symlink_to(there.name)
    with whole(link) as file:
        file.write(b"after")
    assert (link.is_symlink(), there.read_bytes()) == (True, b"after")


def test_what_is_no_plain_file_is_written_as_it_is(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with whole(pipe) as file:
        file.write(b"rows")
    assert (os.read(reader, 10), pipe.is_fifo()) == (b"rows", True)
    os.close(reader)


def test_a_pipe_that_has_no_name_is_written_as_it_is() -> None:
    reader, writer = os.pipe()
    with whole(Path(f"/dev/fd/{writer}")) as file:
        file.write(b"rows")
    assert os.read(reader, 10) == b"rows"
    os.close(reader)
    os.close(writer)


def test_a_file_in_a_folder_that_cannot_be_written_to_is_left_and_the_way_out_is_told(
    there: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was there would be lost where a file is written in place and does not become whole."""

    def refused(_path: Path, _mode: str) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refused)
    with pytest.raises(PermissionError, match="name another folder"), whole(there):
        pass
    monkeypatch.undo()
    assert there.read_bytes() == b"before"
