"""Sums that have no room: the ledger says so, and tells no wrong figure."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DBAPIError

#: What PostgreSQL says of a number that its type cannot hold; SQLite has only words for it.
_OUT_OF_RANGE = "22003"


class SumError(OverflowError):
    """A sum has more than 64 bits. The message is a sentence that says what to do."""

    def __init__(self) -> None:
        super().__init__("What these calls come to has more than 64 bits; ask for less time or for fewer calls at once")


@contextmanager
def adding_up() -> Iterator[None]:
    """Where a database says that a sum has more than 64 bits, SumError is raised."""
    try:
        yield
    except DBAPIError as error:
        if str(error.orig) == "integer overflow" or getattr(error.orig, "sqlstate", None) == _OUT_OF_RANGE:
            raise SumError from error
        raise
