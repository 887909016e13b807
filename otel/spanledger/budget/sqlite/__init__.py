"""The store of one host: a SQLite file in WAL mode, shared by any number of processes, without a server."""

from spanledger.budget.sqlite.store import SqliteStore

__all__ = ["SqliteStore"]
