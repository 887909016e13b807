"""What SQLite and PostgreSQL spell alike and SQLAlchemy does not: an insert that knows what is there already."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, Table
from sqlalchemy.dialects import postgresql, sqlite


def insert(connection: Connection, table: Table) -> Any:
    """An insert with `on_conflict_do_nothing` and `on_conflict_do_update`, for the database of the connection."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)
