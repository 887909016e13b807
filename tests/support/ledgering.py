"""A ledger that is written to, and what is in it then."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from sqlalchemy import func, select
from tests.support.waiting import until

from spanledger.config import Settings
from spanledger.ledger import Entry, Recorder, database, opening, schema
from spanledger.ledger import migrate as steps
from spanledger.ledger.migrate import ready


def recorder(url: str) -> Recorder:
    made = opening.recorder(Settings(database_url=url), budgeted=False)
    assert made is not None
    return made


def entry(id_: str, **facts: Any) -> Entry:
    now = time.time_ns()
    return Entry(id_, now, now, "chat", "openai")._replace(**facts)


def ids(url: str) -> set[str]:
    engine = database.engine(url)
    ready(engine)
    with engine.connect() as connection:
        return set(connection.scalars(select(schema.calls.c.id)))


def cost(url: str) -> int:
    with database.engine(url).connect() as connection:
        return int(connection.scalar(select(func.sum(schema.rollups.c.cost)).where(schema.rollups.c.grain == 60)) or 0)


def wait_for(url: str, count: int) -> set[str]:
    until(lambda: len(ids(url)) >= count)
    return ids(url)


def waiting(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.jsonl"))


def migrate(url: str) -> None:
    """What `spanledger ledger migrate` does."""
    steps.migrate(database.engine(url))
