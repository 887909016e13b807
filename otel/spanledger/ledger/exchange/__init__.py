"""The ledger to take along: out of a database and into files, and back into any database.

rows      calls out of a database, as entries
tables    the tables that are taken along, each with how its rows are read, written down and brought back
checking  whether what a file says is what a column takes
formats   JSON lines, CSV and Parquet

Four tables are taken along: runs, calls with what budgets were charged for them, events of caches, and scores.
Whatever comes back has its id, so it counts once however often it is brought. Sums and latencies are not taken along:
they are made anew of calls and events, since sums that were carried could be added twice. So sums of calls that are
forgotten stay behind. A run comes along although calls tell of it, because it is kept when they are forgotten.
"""

from spanledger.ledger.exchange.formats import FORMATS, Format, load, portions, save
from spanledger.ledger.exchange.rows import batches, by_pages, entries, usage_of_row
from spanledger.ledger.exchange.tables import CALLS, TABLES, Carried, Score

__all__ = [
    "CALLS",
    "FORMATS",
    "TABLES",
    "Carried",
    "Format",
    "Score",
    "batches",
    "by_pages",
    "entries",
    "load",
    "portions",
    "save",
    "usage_of_row",
]
