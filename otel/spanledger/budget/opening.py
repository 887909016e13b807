"""From the setting `SPANLEDGER_STORE` to a store. No file is made and nothing is reached before the first use."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

from spanledger.budget.lease import LeasedStore, locks
from spanledger.budget.memory import MemoryStore
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Lender, Store
from spanledger.errors import ConfigError

AUTO = "auto"
_FORMS = "auto, memory:, sqlite:///absolute/path, sqlite:relative/path or redis://host:6379/0"
#: The first that knows all of our SQL, the ledger's too: `ON CONFLICT DO UPDATE`.
SQLITE = (3, 24)
_REDIS = ("redis", "rediss", "unix")


def open_store(url: str) -> Store:
    """The store that a URL names; `auto` is the file of this user.

    Raises:
        ConfigError: it names none, or one that needs a package which is not there.
    """
    if (file := file_of(url)) is not None:
        return SqliteStore(file)
    scheme, colon, rest = url.partition(":")
    if colon and scheme == "memory" and not rest:
        return MemoryStore()
    if scheme in _REDIS and rest.startswith("//"):
        return _redis(url)
    raise ConfigError(f"SPANLEDGER_STORE: {url!r} names no store; give {_FORMS}")


def file_of(url: str, setting: str = "SPANLEDGER_STORE") -> Path | None:
    """The file that the URL of a setting names; None where it names no file.

    Raises:
        ConfigError: it cannot be a file, or this Python's SQLite is too old for one.
    """
    scheme, colon, rest = url.partition(":")
    if url != AUTO and not (colon and scheme == "sqlite"):
        return None
    if sqlite3.sqlite_version_info < SQLITE:
        raise ConfigError(
            f"{setting}: a file needs SQLite {'.'.join(map(str, SQLITE))} or later, and this Python has "
            f"{sqlite3.sqlite_version}: take another Python, or a server"
        )
    return default_path() if url == AUTO else _path(url, rest, setting)


def existing_store(url: str) -> Store:
    """The same for somebody who only looks: where `auto` has no file yet, none is made."""
    return MemoryStore() if url == AUTO and not default_path().exists() else open_store(url)


def leasing(store: Store, url: str, lease: str = "auto") -> Store:
    """The store of this URL with leases in front of it, where processes share it and the setting `lease` wants them.

    The logs are beside the store's file; those of a server are in the state directory.
    """
    if lease == "off" or not store.shared or not locks.AVAILABLE or not isinstance(store, Lender):
        return store
    if isinstance(store, SqliteStore):
        return LeasedStore(store, store.path.with_name(f"{store.path.name}.leases"))
    server = url.rpartition("@")[2]
    return LeasedStore(store, default_path().with_name(f"leases-{sha256(server.encode()).hexdigest()[:12]}"))


def default_path(environment: Mapping[str, str] = os.environ) -> Path:
    """The file of this user: `spanledger/budgets.sqlite` in the state directory, as XDG has it."""
    state = Path(environment.get("XDG_STATE_HOME", ""))
    base = state if state.is_absolute() else Path.home() / ".local" / "state"
    return base / "spanledger" / "budgets.sqlite"


def _path(url: str, rest: str, setting: str) -> Path:
    if rest.startswith("//") and not rest.startswith("///"):
        raise ConfigError(f"{setting}: {url!r} names a host; an absolute path takes three slashes: sqlite:///path")
    path = Path("/" + rest.lstrip("/") if rest.startswith("/") else rest).expanduser()
    if rest.endswith("/") or not path.name:
        raise ConfigError(f"{setting}: {url!r} names no file; give sqlite:///absolute/path/of.sqlite")
    return path.absolute()


def _redis(url: str) -> Store:
    try:
        from spanledger.budget.redis import RedisStore  # noqa: PLC0415  few apps have the package that this needs
    except ImportError as error:
        raise ConfigError(
            f"SPANLEDGER_STORE: a Redis needs the package redis: pip install 'spanledger[redis]' ({error})"
        ) from error
    try:
        return RedisStore(url)
    except (ValueError, TypeError) as error:
        # The URL may hold a password: it is not repeated.
        raise ConfigError(
            f"SPANLEDGER_STORE: this is no URL of a Redis: {error}; give redis://user:password@host:6379/0?prefix=NAME"
        ) from error
