"""The call ledger: a row for every metered call, for as long as the user keeps it; the bill is read from it.

Here is only what the hot path needs. Whoever writes to the database or asks it imports `opening`, `writes`, `queries`
and the rest of this room, and SQLAlchemy with them.
"""

from spanledger.ledger.entry import CacheEvent, Charge, Entry, Line, Maker
from spanledger.ledger.recorder import Keeper, Recorder

__all__ = ["CacheEvent", "Charge", "Entry", "Keeper", "Line", "Maker", "Recorder"]
