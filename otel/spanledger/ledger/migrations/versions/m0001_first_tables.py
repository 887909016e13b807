"""The first tables: calls and what they were charged, runs, cache events, scores, rollups, and their upkeep."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make them."""
    _calls()
    _charges()
    _runs()
    _cache_events()
    _scores()
    _dimensions()
    _rollups()
    _latencies()
    _closed()
    _cache_rollups()
    _upkeep()


def _calls() -> None:
    op.create_table(
        "calls",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("first_chunk", sa.BigInteger(), nullable=True),
        sa.Column("ended", sa.BigInteger(), nullable=False),
        sa.Column("trace_id", sa.String(), nullable=True),
        sa.Column("span_id", sa.String(), nullable=True),
        sa.Column("run", sa.String(), nullable=True),
        sa.Column("request", sa.String(), nullable=True),
        sa.Column("session", sa.String(), nullable=True),
        sa.Column("conversation", sa.String(), nullable=True),
        sa.Column("service", sa.String(), nullable=True),
        sa.Column("environment", sa.String(), nullable=True),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=True),
        sa.Column("agent", sa.String(), nullable=True),
        sa.Column("node", sa.String(), nullable=True),
        sa.Column("workflow", sa.String(), nullable=True),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("request_model", sa.String(), nullable=True),
        sa.Column("response_model", sa.String(), nullable=True),
        sa.Column("tier", sa.String(), nullable=True),
        sa.Column("tenant", sa.String(), nullable=True),
        sa.Column("user", sa.String(), nullable=True),
        sa.Column("used", sa.Boolean(), nullable=False),
        sa.Column("input", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("output", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cache_read", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cache_write", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cache_write_long", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reasoning", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("input_audio", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("output_audio", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cache_read_audio", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("input_image", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("output_image", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("cache_read_image", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("input_video", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("output_video", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("input_tool", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("citation", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("accepted_prediction", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("rejected_prediction", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("web_searches", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("reported_total", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("units", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("reported_nano_usd", sa.BigInteger(), nullable=True),
        sa.Column("cost", sa.BigInteger(), nullable=True),
        sa.Column("cost_source", sa.String(), nullable=True),
        sa.Column("price_version", sa.String(), nullable=True),
        sa.Column("price_status", sa.String(), nullable=False),
        sa.Column("missing", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("estimated", sa.Boolean(), nullable=False),
        sa.Column("suspect", sa.Boolean(), nullable=False),
        sa.Column("hold", sa.String(), nullable=True),
        sa.Column("error_type", sa.String(), nullable=True),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("finish_reason", sa.String(), nullable=True),
        sa.Column("stream", sa.Boolean(), nullable=False),
        sa.Column("cache", sa.String(), nullable=True),
        sa.Column("prompt_name", sa.String(), nullable=True),
        sa.Column("prompt_version", sa.String(), nullable=True),
        sa.Column("prompt_hash", sa.String(), nullable=True),
        sa.Column("flags", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("schema_valid", sa.Boolean(), nullable=True),
        sa.Column("remaining_requests", sa.BigInteger(), nullable=True),
        sa.Column("remaining_tokens", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("calls_by_run", "calls", ["run", "started"], unique=False)
    op.create_index("calls_by_tenant", "calls", ["tenant", "started"], unique=False)
    op.create_index("calls_by_time", "calls", ["started", "id"], unique=False)
    op.create_index("calls_by_trace", "calls", ["trace_id"], unique=False)
    op.create_index("calls_by_user", "calls", ["user", "started"], unique=False)


def _charges() -> None:
    op.create_table(
        "charges",
        sa.Column("call", sa.String(), nullable=False),
        sa.Column("budget", sa.String(), nullable=False),
        sa.Column("scope_value", sa.String(), nullable=False),
        sa.Column("window", sa.String(), nullable=False),
        sa.Column("unit", sa.String(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["call"], ["calls.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("call", "budget", "scope_value", "window", "unit"),
    )
    op.create_index("charges_by_counter", "charges", ["budget", "scope_value", "window", "unit"], unique=False)


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("started", sa.BigInteger(), nullable=False),
        sa.Column("ended", sa.BigInteger(), nullable=False),
        sa.Column("service", sa.String(), nullable=True),
        sa.Column("tenant", sa.String(), nullable=True),
        sa.Column("user", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("runs_by_time", "runs", ["started", "id"], unique=False)


def _cache_events() -> None:
    op.create_table(
        "cache_events",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("layer", sa.String(), nullable=False),
        sa.Column("hit", sa.Boolean(), nullable=False),
        sa.Column("run", sa.String(), nullable=True),
        sa.Column("operation", sa.String(), nullable=True),
        sa.Column("stage", sa.String(), nullable=True),
        sa.Column("tenant", sa.String(), nullable=True),
        sa.Column("saved", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("cache_events_by_time", "cache_events", ["at", "layer", "hit"], unique=False)


def _scores() -> None:
    op.create_table(
        "scores",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("call", sa.String(), nullable=True),
        sa.Column("run", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("source", sa.String(), nullable=True),
        sa.Column("comment", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    op.create_index("scores_by_call", "scores", ["call"], unique=False)
    op.create_index("scores_by_run", "scores", ["run"], unique=False)
    op.create_index("scores_by_time", "scores", ["at"], unique=False)


def _dimensions() -> None:
    op.create_table(
        "dimensions",
        sa.Column("cut", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("service", sa.String(), nullable=False),
        sa.Column("environment", sa.String(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("provider", sa.String(), nullable=False),
        sa.Column("model", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("cut", "id"),
    )
    op.create_index("dimensions_by_stage", "dimensions", ["cut", "stage"])
    op.create_index("dimensions_by_model", "dimensions", ["cut", "model"])
    op.create_index("dimensions_by_tenant", "dimensions", ["cut", "tenant"])


def _rollups() -> None:
    op.create_table(
        "rollups",
        sa.Column("grain", sa.Integer(), nullable=False),
        sa.Column("cut", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("dimension", sa.BigInteger(), nullable=False),
        sa.Column("calls", sa.BigInteger(), nullable=False),
        sa.Column("refused", sa.BigInteger(), nullable=False),
        sa.Column("errors", sa.BigInteger(), nullable=False),
        sa.Column("timeouts", sa.BigInteger(), nullable=False),
        sa.Column("lost", sa.BigInteger(), nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.Column("cost_provider", sa.BigInteger(), nullable=False),
        sa.Column("cost_estimated", sa.BigInteger(), nullable=False),
        sa.Column("priced", sa.BigInteger(), nullable=False),
        sa.Column("unpriced", sa.BigInteger(), nullable=False),
        sa.Column("input", sa.BigInteger(), nullable=False),
        sa.Column("output", sa.BigInteger(), nullable=False),
        sa.Column("cache_read", sa.BigInteger(), nullable=False),
        sa.Column("cache_write", sa.BigInteger(), nullable=False),
        sa.Column("reasoning", sa.BigInteger(), nullable=False),
        sa.Column("duration", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("grain", "cut", "at", "dimension"),
        sqlite_with_rowid=False,
    )


def _latencies() -> None:
    op.create_table(
        "latencies",
        sa.Column("grain", sa.Integer(), nullable=False),
        sa.Column("cut", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("dimension", sa.BigInteger(), nullable=False),
        sa.Column("bins", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("grain", "cut", "at", "dimension"),
        sqlite_with_rowid=False,
    )


def _closed() -> None:
    table = op.create_table("closed", sa.Column("until", sa.BigInteger(), nullable=False))
    op.bulk_insert(table, [{"until": 0}])


def _cache_rollups() -> None:
    op.create_table(
        "cache_rollups",
        sa.Column("grain", sa.Integer(), nullable=False),
        sa.Column("cut", sa.SmallInteger(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("operation", sa.String(), nullable=False),
        sa.Column("stage", sa.String(), nullable=False),
        sa.Column("tenant", sa.String(), nullable=False),
        sa.Column("layer", sa.String(), nullable=False),
        sa.Column("hits", sa.BigInteger(), nullable=False),
        sa.Column("misses", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("grain", "cut", "at", "operation", "stage", "tenant", "layer"),
        sqlite_with_rowid=False,
    )


def _upkeep() -> None:
    table = op.create_table(
        "upkeep",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("due", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
    op.bulk_insert(table, [{"name": "prune", "due": 0}])
