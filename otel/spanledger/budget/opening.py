"""From the setting `SPANLEDGER_STORE` to a store. No file is made and nothing is reached before the first use."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from spanledger.budget.memory import MemoryStore
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Store
from spanledger.errors import ConfigError

AUTO = "auto"
_FORMS = "auto, memory:, sqlite:///absolute/path or sqlite:relative/path"


def open_store(url: str) -> Store:
    """The store that a URL names; `auto` is the file of this user.

    Raises:
        ConfigError: it names none.
    """
    if url == AUTO:
        return SqliteStore(default_path())
    scheme, colon, rest = url.partition(":")
    if colon and scheme == "memory" and not rest:
        return MemoryStore()
    if colon and scheme == "sqlite":
        return SqliteStore(_path(url, rest))
    raise ConfigError(f"SPANLEDGER_STORE: {url!r} names no store; give {_FORMS}")


def existing_store(url: str) -> Store:
    """The same for somebody who only looks: where `auto` has no file yet, none is made."""
    return MemoryStore() if url == AUTO and not default_path().exists() else open_store(url)


def default_path(environment: Mapping[str, str] = os.environ) -> Path:
    """The file of this user: `spanledger/budgets.sqlite` in the state directory, as XDG has it."""
    state = Path(environment.get("XDG_STATE_HOME", ""))
    base = state if state.is_absolute() else Path.home() / ".local" / "state"
    return base / "spanledger" / "budgets.sqlite"


def _path(url: str, rest: str) -> Path:
    if rest.startswith("//") and not rest.startswith("///"):
        raise ConfigError(
            f"SPANLEDGER_STORE: {url!r} names a host; an absolute path takes three slashes: sqlite:///path"
        )
    path = Path("/" + rest.lstrip("/") if rest.startswith("/") else rest).expanduser()
    if rest.endswith("/") or not path.name:
        raise ConfigError(f"SPANLEDGER_STORE: {url!r} names no file; give sqlite:///absolute/path/of.sqlite")
    return path.absolute()
