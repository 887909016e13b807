"""A forked child neither waits for a lock that nobody will give back, nor owns what the parent holds."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support import forking


@pytest.mark.parametrize("scene", forking.SCENES)
def test_after_a_fork(scene: str, tmp_path: Path, redis_url: Callable[[], str]) -> None:
    done = subprocess.run(
        [sys.executable, forking.__file__, scene, str(tmp_path), redis_url()],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "as it should be\n", "")
