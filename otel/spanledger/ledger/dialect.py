"""Many rows at once, beside those that are there: SQLite and PostgreSQL do it alike, each with words of its own.

A statement is spelled once for a table; its rows go to the driver as they are.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from operator import itemgetter
from typing import Any

from sqlalchemy import JSON, Column, Connection, String, Subquery, Table, and_, cast, func, literal, select
from sqlalchemy.dialects import postgresql, sqlite

#: Completes an insert: `on_conflict_do_nothing` and the like.
Finish = Callable[[Any], Any]
#: A row, in the order of the names of its columns.
Values = tuple[Any, ...]


def put(connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Values], finish: Finish) -> None:
    """Insert rows. JSON is given as text."""
    if not rows:
        return
    if connection.dialect.name == "postgresql":
        connection.execute(_from_arrays(table, names, rows, finish))
        return
    statement = finish(sqlite.insert(table)).compile(dialect=connection.dialect, column_keys=list(names))
    in_order = itemgetter(*(names.index(name) for name in statement.positiontup))
    connection.exec_driver_sql(str(statement), list(map(in_order, rows)))


def put_new(connection: Connection, table: Table, names: Sequence[str], rows: Sequence[Values]) -> set[Any]:
    """Insert the rows whose key, their first column, is not there; returns these keys."""
    key = table.c[names[0]]
    if connection.dialect.name == "postgresql":
        statement = _from_arrays(table, names, rows, lambda insert: insert.on_conflict_do_nothing().returning(key))
        return set(connection.scalars(statement))
    there = found(connection, table, (key.name,), key.name, [row[:1] for row in rows])
    new = [row for row in rows if row[:1] not in there]  # whoever may write has the lock
    put(connection, table, names, new, lambda insert: insert)
    return {row[0] for row in new}


def found(
    connection: Connection, table: Table, key: Sequence[str], name: str, wanted: Sequence[Values]
) -> dict[Values, Any]:
    """A column of the rows that have these keys."""
    if not wanted:
        return {}
    keys = asked(connection, table, key, wanted)
    rows = select(*(keys.c[of] for of in key), table.c[name]).join(
        table, and_(*(table.c[of] == keys.c[of] for of in key))
    )
    return {tuple(row[:-1]): row[-1] for row in connection.execute(rows)}


def asked(connection: Connection, table: Table, key: Sequence[str], wanted: Sequence[Values]) -> Subquery:
    """These values of columns, as something to select from."""
    if connection.dialect.name == "postgresql":
        columns = zip(key, zip(*wanted, strict=True), strict=True)
        return select(*(_unnested(table.c[of], list(values)).label(of) for of, values in columns)).subquery()
    each = func.json_each(json.dumps(wanted)).table_valued("value")
    return select(*(func.json_extract(each.c.value, f"$[{n}]").label(of) for n, of in enumerate(key))).subquery()


def _from_arrays(table: Table, names: Sequence[str], rows: Sequence[Values], finish: Finish) -> Any:
    """PostgreSQL takes rows as arrays: one statement for any number."""
    columns = [
        _unnested(table.c[name], list(values)) for name, values in zip(names, zip(*rows, strict=True), strict=True)
    ]
    return finish(postgresql.insert(table).from_select(list(names), select(*columns)))


def _unnested(column: Column[Any], values: list[Any]) -> Any:
    if isinstance(column.type, JSON):
        return cast(func.unnest(literal(values, postgresql.ARRAY(String))), JSON)
    return func.unnest(literal(values, postgresql.ARRAY(column.type)))
