"""The tables of the ledger. `migrations` holds how they came to be; a test compares the two.

Money is whole nano-USD, times are nanoseconds since the epoch, both 64 bits. Text that nobody gave is NULL in `calls`
and empty in `dimensions`, where it is part of a key.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    SmallInteger,
    String,
    Table,
)

metadata = MetaData()

#: Counts of `Usage`, in its order; what is not a token and not in `web_searches` is in the JSON of `units`.
TOKENS = (
    "input",
    "output",
    "cache_read",
    "cache_write",
    "cache_write_long",
    "reasoning",
    "input_audio",
    "output_audio",
    "cache_read_audio",
    "input_image",
    "output_image",
    "cache_read_image",
    "input_video",
    "output_video",
    "input_tool",
    "citation",
    "accepted_prediction",
    "rejected_prediction",
    "web_searches",
    "reported_total",
)


def _tokens() -> list[Column[int]]:
    return [Column(name, BigInteger, nullable=False, server_default="0") for name in TOKENS]


calls = Table(
    "calls",
    metadata,
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("status", String, nullable=False),
    Column("started", BigInteger, nullable=False),
    Column("first_chunk", BigInteger),
    Column("ended", BigInteger, nullable=False),
    Column("trace_id", String),
    Column("span_id", String),
    Column("run", String),
    Column("request", String),
    Column("session", String),
    Column("conversation", String),
    Column("service", String),
    Column("environment", String),
    Column("operation", String, nullable=False),
    Column("stage", String),
    Column("agent", String),
    Column("node", String),
    Column("workflow", String),
    Column("provider", String, nullable=False),
    Column("request_model", String),
    Column("response_model", String),
    Column("tier", String),
    Column("tenant", String),
    Column("user", String),
    Column("used", Boolean, nullable=False),
    *_tokens(),
    Column("units", JSON(none_as_null=True)),
    Column("reported_nano_usd", BigInteger),
    Column("cost", BigInteger),
    Column("cost_source", String),
    Column("price_version", String),
    Column("price_status", String, nullable=False),
    Column("missing", JSON(none_as_null=True)),
    Column("estimated", Boolean, nullable=False),
    Column("suspect", Boolean, nullable=False),
    Column("hold", String),
    Column("error_type", String),
    Column("attempts", Integer, nullable=False),
    Column("finish_reason", String),
    Column("stream", Boolean, nullable=False),
    Column("cache", String),
    Column("prompt_name", String),
    Column("prompt_version", String),
    Column("prompt_hash", String),
    Column("flags", JSON(none_as_null=True)),
    Column("schema_valid", Boolean),
    Column("remaining_requests", BigInteger),
    Column("remaining_tokens", BigInteger),
    Index("calls_by_time", "started", "id"),
    Index("calls_by_run", "run", "started"),
    Index("calls_by_trace", "trace_id"),
    Index("calls_by_tenant", "tenant", "started"),
    Index("calls_by_user", "user", "started"),
)

#: What counters of budgets were charged for a row, in the unit of the budget.
charges = Table(
    "charges",
    metadata,
    Column("call", String, ForeignKey("calls.id", ondelete="CASCADE"), primary_key=True),
    Column("budget", String, primary_key=True),
    Column("scope_value", String, primary_key=True),
    Column("window", String, primary_key=True),
    Column("unit", String, primary_key=True),
    Column("amount", BigInteger, nullable=False),
    Index("charges_by_counter", "budget", "scope_value", "window", "unit"),
)

#: A run as its calls tell of it.
runs = Table(
    "runs",
    metadata,
    Column("id", String, primary_key=True),
    Column("started", BigInteger, nullable=False),
    Column("ended", BigInteger, nullable=False),
    Column("service", String),
    Column("tenant", String),
    Column("user", String),
    Index("runs_by_time", "started", "id"),
)

#: Caches of the app's that were asked: `layer` is theirs, `hit` whether they answered.
cache_events = Table(
    "cache_events",
    metadata,
    Column("id", String, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("layer", String, nullable=False),
    Column("hit", Boolean, nullable=False),
    Column("run", String),
    Column("operation", String),
    Column("stage", String),
    Column("tenant", String),
    Column("saved", BigInteger),
    Index("cache_events_by_time", "at", "layer", "hit"),
)

#: What evaluations said of calls or runs.
scores = Table(
    "scores",
    metadata,
    Column("id", String, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Column("call", String),
    Column("run", String),
    Column("name", String, nullable=False),
    Column("value", Float, nullable=False),
    Column("source", String),
    Column("comment", String),
    Index("scores_by_time", "at"),
    Index("scores_by_call", "call"),
    Index("scores_by_run", "run"),
)

#: What rollups can be filtered and grouped by.
DIMENSIONS = (
    "service",
    "environment",
    "operation",
    "stage",
    "provider",
    "model",
    "tenant",
    "status",
)

#: Those of them that have many values: few combinations have two that were asked for.
MANY = ("stage", "model", "tenant")

#: Combinations that occurred, in each cut: columns that it does not tell apart are empty. The id is a hash of the
#: values, so that writers need not ask for it.
dimensions = Table(
    "dimensions",
    metadata,
    Column("cut", SmallInteger, primary_key=True, autoincrement=False),
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    *(Column(name, String, nullable=False) for name in DIMENSIONS),
    *(Index(f"dimensions_by_{name}", "cut", name) for name in MANY),
)

#: What a rollup adds up; each is a plain sum, so that what comes late or is repriced is added or taken away.
SUMS = (
    "calls",
    "refused",
    "errors",
    "timeouts",
    "lost",
    "cost",
    "cost_provider",
    "cost_estimated",
    "priced",
    "unpriced",
    "input",
    "output",
    "cache_read",
    "cache_write",
    "reasoning",
    "duration",
)


def _place() -> list[Column[int]]:
    """`grain` is the length of a span of time in seconds, `at` its beginning in seconds."""
    return [
        Column("grain", Integer, primary_key=True),
        Column("cut", SmallInteger, primary_key=True),
        Column("at", BigInteger, primary_key=True),
        Column("dimension", BigInteger, primary_key=True),
    ]


#: Sums by combination and span of time.
rollups = Table(
    "rollups",
    metadata,
    *_place(),
    *(Column(name, BigInteger, nullable=False) for name in SUMS),
    sqlite_with_rowid=False,
)

#: Latency sketches of the same: how many calls fell into which bin, as `sketch` packs it.
latencies = Table(
    "latencies",
    metadata,
    *_place(),
    Column("bins", LargeBinary, nullable=False),
    sqlite_with_rowid=False,
)

#: Up to when (seconds since the epoch) the minutes were added up to longer spans of time: a row, which comes with it.
closed = Table(
    "closed",
    metadata,
    Column("until", BigInteger, nullable=False),
)

#: How often caches were asked, by what their events say of the call; the finest cut by the minute, all others longer.
#: Columns that a cut does not tell apart are empty.
cache_rollups = Table(
    "cache_rollups",
    metadata,
    Column("grain", Integer, primary_key=True),
    Column("cut", SmallInteger, primary_key=True),
    Column("at", BigInteger, primary_key=True),
    *(Column(name, String, primary_key=True) for name in ("operation", "stage", "tenant", "layer")),
    Column("hits", BigInteger, nullable=False),
    Column("misses", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)

#: What is done from time to time by one of all processes, and when it is due again; and the time of the last turn, in a
#: row that comes with it. The other rows come with the table.
upkeep = Table(
    "upkeep",
    metadata,
    Column("name", String, primary_key=True),
    Column("due", BigInteger, nullable=False),
)
