"""Rows of the ledger as answers show them."""

from __future__ import annotations

from typing import Any

from spanledger.ledger.questions import results, runs, tenants
from spanledger.ledger.sums.rollup import model_of
from spanledger.service.answers.calls import Call, Run, Tenant
from spanledger.service.figures import moment, ms, usd

#: Fields that answers call something else than the ledger.
_RENAMED = {
    "run_id": "run",
    "request_id": "request",
    "session_id": "session",
    "conversation_id": "conversation",
    "agent_name": "agent",
    "user_id": "user",
    "response_valid": "schema_valid",
    "cost_nano_usd": "cost",
    "hold_id": "hold",
}
_TOKENS = ("input", "output", "cache_read", "cache_write", "reasoning")


def call(found: results.Call) -> Call:
    """A row."""
    row = found.row
    first = row["first_chunk"]
    used = {f"tokens_{name}": row[name] if row["used"] else None for name in _TOKENS}
    own = {name: row[_RENAMED.get(name, name)] for name in Call.model_fields if _RENAMED.get(name, name) in row}
    return Call(
        **{
            **own,
            **used,
            "tokens_total": row["input"] + row["output"] if row["used"] else None,
            "model": model_of(row),
            "started": moment(row["started"]),
            "ended": moment(row["ended"]),
            "first_chunk": None if first is None else moment(first),
            "duration_ms": ms(row["ended"] - row["started"]),
            "time_to_first_chunk_ms": None if first is None else ms(first - row["started"]),
            "cost_usd": None if row["cost"] is None else usd(row["cost"]),
            "missing": row["missing"] or [],
        }
    )


def sums(found: results.Totals) -> dict[str, Any]:
    """The fields of `Sums`."""
    return {
        "calls": found.calls,
        "errors": found.errors + found.timeouts,
        "refused": found.refused,
        "lost_attempts": found.lost,
        "tokens_input": found.input,
        "tokens_output": found.output,
        "tokens_total": found.tokens,
        "cost_usd": usd(found.cost),
        "cost_nano_usd": found.cost,
        "unpriced_calls": found.unpriced,
    }


def run(found: runs.Run) -> Run:
    """A run."""
    return Run(
        id=found.id,
        started=moment(found.started),
        ended=moment(found.ended),
        duration_ms=(found.ended - found.started) / 1e6,
        service=found.service,
        tenant=found.tenant,
        user_id=found.user,
        calls=found.calls,
        errors=found.errors,
        refused=found.refused,
        lost_attempts=found.lost,
        tokens_input=found.input,
        tokens_output=found.output,
        tokens_total=found.input + found.output,
        cost_usd=usd(found.cost),
        cost_nano_usd=found.cost,
        unpriced_calls=found.unpriced,
    )


def tenant(found: tenants.Tenant) -> Tenant:
    """A tenant."""
    done = found.sums.calls
    return Tenant(
        tenant=found.name,
        operations=done,
        by_operation=found.operations,
        avg_tokens_per_operation=found.sums.tokens / done if done else None,
        **sums(found.sums),
    )
