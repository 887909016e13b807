"""From the setting `SPANLEDGER_STORE` to a store."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote

from spanledger.budget.memory import MemoryStore
from spanledger.budget.store import Store
from spanledger.errors import ConfigError

AUTO, MEMORY, SQLITE = "auto", "memory:", "sqlite:"
_WAYS = "write auto, memory:, sqlite:///absolute/path or redis://host:6379/0"


def default_path(environ: Mapping[str, str] | None = None) -> Path:
    """The file in the user's state directory, as the XDG base directory specification has it."""
    environ = os.environ if environ is None else environ
    state = environ.get("XDG_STATE_HOME", "")
    folder = Path(state) if Path(state).is_absolute() else Path.home() / ".local" / "state"
    return folder / "spanledger" / "budgets.sqlite"


def open_store(address: str) -> Store:
    """The store of an address; `auto` is the file in the user's state directory. Nothing is written before its use.

    Raises:
        ConfigError: there is no such store; says how an address is written.
    """
    if address == MEMORY:
        return MemoryStore()
    if address == AUTO:
        return _file(default_path())
    if address.startswith(SQLITE):
        return _file(_path(address))
    raise ConfigError(f"{address!r} is no store; {_WAYS}")


def _path(address: str) -> Path:
    """`sqlite:///a/b` is absolute, as is `sqlite:////a/b`; `sqlite:b` is relative to the working directory."""
    rest = unquote(address.removeprefix(SQLITE))
    path = "/" + rest.lstrip("/") if rest.startswith("/") else rest
    if path in ("", "/") or (rest.startswith("//") and not rest.startswith("///")):
        raise ConfigError(f"{address!r} names no file; {_WAYS}")
    return Path(path).absolute()


def _file(path: Path) -> Store:
    from spanledger.budget.sqlite import SqliteStore  # noqa: PLC0415 - loads a database that few apps need

    return SqliteStore(path)
