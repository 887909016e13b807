"""A program that runs while it is watched: it has our terminal, input and output, gets our signals, and ends us."""

from __future__ import annotations

import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any

from spanledger.live.follow import Follower
from spanledger.live.shown import Surface
from spanledger.live.standing import Standing
from spanledger.live.story import Story

#: Seconds between two looks.
TICK = 0.1
#: What is passed on. Those of the keyboard reach the program by themselves.
_SENT = (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGUSR2)
_TYPED = (signal.SIGINT, signal.SIGQUIT)


def watch(command: Sequence[str], environ: Mapping[str, str], standing: Standing, surface: Surface) -> int:
    """Run a command to its end and show what it tells.

    Returns:
        Its exit code; minus the signal that ended it.
    """
    with tempfile.TemporaryDirectory(prefix="spanledger-") as folder:
        file = Path(folder) / "live.jsonl"
        file.touch(0o600)
        follower = Follower(file)
        try:
            with _running(command, {**environ, "SPANLEDGER_LIVE": str(file)}) as program:
                return _shown(program, follower, standing, surface)
        finally:
            follower.close()


def _shown(program: subprocess.Popen[bytes], follower: Follower, standing: Standing, surface: Surface) -> int:
    began, story, code = time.monotonic(), Story(), None
    while code is None:
        code = _ended(program)
        moved = False
        for told in follower.new():
            surface.put(*story.hear(told))
            moved = standing.hear(told) or moved
        if moved:
            surface.put(*standing.news())
    surface.put(*story.ending(time.monotonic() - began), *(bar.line for bar in standing.bars()))
    return code


def _ended(program: subprocess.Popen[bytes]) -> int | None:
    try:
        return program.wait(TICK)
    except subprocess.TimeoutExpired:
        return None


@contextmanager
def _running(command: Sequence[str], environ: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """The program, with signals passed on to it. What we are told to ignore is ignored there, too."""
    started: list[subprocess.Popen[bytes]] = []
    early: list[int] = []

    def forward(number: int, _frame: FrameType | None) -> None:
        if number in _TYPED and _typed():
            return
        if started:
            started[0].send_signal(number)
        else:
            early.append(number)

    before: dict[signal.Signals, Any] = {one: signal.getsignal(one) for one in (*_SENT, *_TYPED)}
    heard = [one for one, handler in before.items() if handler is not signal.SIG_IGN]
    for one in heard:
        signal.signal(one, forward)
    try:
        started.append(subprocess.Popen(command, env=dict(environ)))  # noqa: S603  the user's program
        for number in early:
            started[0].send_signal(number)
        yield started[0]
    finally:
        for one in heard:
            signal.signal(one, before[one])


def _typed() -> bool:
    """Whether a signal that keys send can be from them: then everybody in the foreground got it, the program too."""
    try:
        return os.tcgetpgrp(sys.__stdin__.fileno() if sys.__stdin__ else 0) == os.getpgrp()
    except (OSError, ValueError):
        return False


def leave(code: int) -> int:
    """End as the program ended: with its exit code, or by the signal that ended it. Returns only the former."""
    if code >= 0:
        return code
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # the program may have left a core; ours says nothing
    if -code not in (signal.SIGKILL, signal.SIGSTOP):
        signal.signal(-code, signal.SIG_DFL)
    sys.stderr.flush()
    os.kill(os.getpid(), -code)
    return 128 - code
