"""The mark: up to when (seconds since the epoch) minutes are closed. It is always a whole number of tens of minutes.

Who writes rows shares it until the end of the transaction, so that all agree which sums a row is added to; who closes
has it alone. A file has one writer at a time, who needs no lock on it.
"""

from __future__ import annotations

from sqlalchemy import Connection, Select, select, update

from spanledger.ledger.schema import closed

_SEEN = select(closed.c.until)


def seen(connection: Connection) -> int:
    """Where it is now."""
    return _read(connection, _SEEN)


def shared(connection: Connection) -> int:
    """Where it stays until the transaction is over."""
    return _read(connection, _SEEN.with_for_update(read=True))


def alone(connection: Connection) -> int:
    """Where it is, once all that shared it are over; nobody else reads it for writing until this transaction is."""
    return _read(connection, _SEEN.with_for_update())


def move(connection: Connection, until: int) -> None:
    """Put it further on. Only who has it alone may."""
    connection.execute(update(closed).values(until=until))


def _read(connection: Connection, asked: Select[tuple[int]]) -> int:
    return connection.execute(asked).scalar_one()
