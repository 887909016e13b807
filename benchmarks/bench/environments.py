"""A virtual environment for each set of requirements, made by uv in a cache outside the work tree and kept there."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from bench.contenders import REQUIREMENTS

ROOT = REQUIREMENTS.parent.parent
#: What an installed spanledger is made from besides its own source, which is installed as a link.
_OURS = "spanledger"


class InstallError(Exception):
    """An environment cannot be made; says why."""


def cache() -> Path:
    """Where the environments are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "spanledger" / "bench"


def uv() -> str:
    """The uv command: the one that runs us, the one on the path, or the one beside our Python."""
    beside = Path(sys.executable).with_name("uv")
    found = os.environ.get("UV") or shutil.which("uv") or (str(beside) if beside.exists() else None)
    if found is None:
        raise InstallError("uv is not on the path (set UV to where it is)")
    return found


def _lines(file: Path) -> Iterator[str]:
    """The requirements of a file, those of files it refers to in their place."""
    for line in file.read_text("utf-8").splitlines():
        text = line.partition("#")[0].strip()
        if text.startswith("-r "):
            yield from _lines(file.with_name(text[3:].strip()))
        elif text:
            yield text


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:12]


def python(name: str) -> Path:
    """The interpreter of an environment, which is made first where it is missing or no longer what is asked for.

    Raises:
        InstallError: with uv's reason.
    """
    requirements = list(_lines(REQUIREMENTS / f"{name}.txt"))
    ours = name == _OURS
    home = cache() / f"{name}-{_digest(sys.version, sys.base_prefix, str(ROOT) if ours else '', *requirements)}"
    interpreter, ready = home / "bin" / "python", home / "ready"
    state = _digest((ROOT / "pyproject.toml").read_text("utf-8") if ours else "")
    if not ready.exists() or ready.read_text("ascii") != state:
        print(f"installing the environment {name} into {home}", file=sys.stderr)
        _run("venv", "--clear", "--python", sys.executable, str(home))
        _run(
            "pip", "install", "--python", str(interpreter), *requirements, *(["--editable", str(ROOT)] if ours else [])
        )
        ready.write_text(state, "ascii")
    return interpreter


def _run(*arguments: str) -> None:
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("VIRTUAL_ENV", "PYTHON"))}
    done = subprocess.run([uv(), *arguments], capture_output=True, text=True, check=False, env=environ)
    if done.returncode != 0:
        raise InstallError(_reason(done.stderr))


def _reason(said: str) -> str:
    """The gist of what uv said, on one line."""
    text = re.sub(r"\x1b\[[0-9;]*m", "", said)
    lines = [re.sub(r"^\W+", "", line) for line in text.splitlines() if line.strip()]
    return " ".join(line for line in lines if not line.startswith(("Using ", "Resolved ", "Creating ")))[:300]
