"""Many rows at once, beside those that are there: SQLite and PostgreSQL do it alike, SQLAlchemy spells it apart."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import JSON, Column, Connection, Result, String, Table, cast, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite

#: Completes an insert: `on_conflict_do_nothing` and the like, `returning`.
Finish = Callable[[Any], Any]


def put(connection: Connection, table: Table, rows: Sequence[dict[str, Any]], finish: Finish) -> Result[Any]:
    """Insert rows, which all have the same columns. PostgreSQL takes them as arrays: one statement for any number."""
    if connection.dialect.name != "postgresql":
        return connection.execute(finish(sqlite.insert(table)), rows)
    names = list(rows[0])
    columns = [_unnested(table.c[name], [row[name] for row in rows]) for name in names]
    return connection.execute(finish(postgresql.insert(table).from_select(names, select(*columns))))


def _unnested(column: Column[Any], values: list[Any]) -> Any:
    if isinstance(column.type, JSON):
        texts = [None if value is None else json.dumps(value) for value in values]
        return cast(func.unnest(literal(texts, postgresql.ARRAY(String))), JSON)
    return func.unnest(literal(values, postgresql.ARRAY(column.type)))
