"""What a command does when its output goes nowhere: it ends, and says no more than other tools do."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

SPANLEDGER = str(Path(sys.executable).with_name("spanledger"))


@pytest.fixture
def unread() -> Iterator[int]:
    """The end of a pipe that nobody reads any more."""
    read, written = os.pipe()
    os.close(read)
    yield written
    os.close(written)


@pytest.fixture
def long(tmp_path: Path) -> list[str]:
    """A command that prints more than fits into its buffer."""
    file = tmp_path / "budgets.yaml"
    row = "  - {{name: budget-{0}, limit: 5USD}}\n"
    file.write_text("budgets:\n" + "".join(row.format(number) for number in range(300)))
    return ["budgets", "check", str(file)]


def run(*command: str, out: int, error: int = subprocess.PIPE) -> tuple[int, bytes]:
    ended = subprocess.run([SPANLEDGER, *command], stdout=out, stderr=error, timeout=60, check=False)
    return ended.returncode, ended.stderr or b""


def test_it_ends_quietly_when_nobody_reads_a_short_output(unread: int) -> None:
    assert run("--version", out=unread) == (141, b"")


def test_it_ends_quietly_when_nobody_reads_a_long_output(unread: int, long: list[str]) -> None:
    assert run(*long, out=unread) == (141, b"")


def test_it_ends_quietly_when_nobody_reads_its_errors(unread: int) -> None:
    assert run("budgets", "check", "/nowhere", out=unread, error=unread) == (141, b"")


def test_a_full_disk_is_told_in_one_line(long: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        assert run(*long, out=full.fileno()) == (2, b"spanledger: No space left on device\n")
