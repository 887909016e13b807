"""What calls can be chosen by: the values that occurred, as far as the caller may see them."""

from __future__ import annotations

from typing import NamedTuple

from sqlalchemy import Connection, select

from spanledger.ledger.questions.filters import ALL
from spanledger.ledger.schema import dimensions
from spanledger.ledger.sums.cuts import DAY, for_question
from spanledger.service.asked import limited
from spanledger.service.tokens import Caller

#: What a page offers to choose by; `user` is given as text.
OFFERED = ("stage", "model", "provider", "operation", "tenant", "status", "service", "environment")
#: Values that are offered of each.
_MOST = 200


class Offered(NamedTuple):
    """Values in the order of names, and whether there are more of them."""

    values: tuple[str, ...]
    more: bool


def choices(connection: Connection, caller: Caller) -> dict[str, Offered]:
    """By dimension."""
    seen = limited(ALL, caller)
    found = {}
    for name in OFFERED:
        column = dimensions.c[name]
        cut = for_question(DAY, frozenset({name, *seen.names}))
        wanted = select(column).where(dimensions.c.cut == cut, *seen.of_rollups()).distinct().order_by(column)
        values = tuple(connection.scalars(wanted.limit(_MOST + 1)))
        found[name] = Offered(values[:_MOST], len(values) > _MOST)
    return found
