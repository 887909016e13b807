"""The ledger against Prometheus: what the calls of each service cost, by its metrics and by its rows."""

from __future__ import annotations

import json
import math
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection, func, select

from spanledger.budget.store import Counter, Gap
from spanledger.errors import ConfigError
from spanledger.ledger.schema import calls
from spanledger.money import NANO

#: Days that are compared: for so long Prometheus remembers here (deploy/prometheus). Counters begin at 0 with their
#: process, so the last that each series said in that time is what it counted.
DAYS = 30
QUERY = f"sum by (job) (last_over_time(spanledger_cost_USD_total[{DAYS}d]))"
WINDOW = f"last {DAYS} days"
_PATIENCE = 10


def counted(url: str) -> dict[str, int]:
    """Nano-USD by service, as Prometheus has it.

    Raises:
        ConfigError: it does not answer, or is none.
    """
    address = f"{url.rstrip('/')}/api/v1/query?{urllib.parse.urlencode({'query': QUERY})}"
    try:
        with urllib.request.urlopen(address, timeout=_PATIENCE) as answer:  # noqa: S310  http or https, as the user says
            found: list[dict[str, Any]] = json.load(answer)["data"]["result"]
        sums = {one["metric"].get("job", ""): float(one["value"][1]) for one in found}
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise ConfigError(f"--prometheus: {url} cannot be asked: {error}") from error
    services: dict[str, int] = {}
    for job, usd in sums.items():  # a namespace stands before the name
        name = job.rpartition("/")[2]
        services[name] = services.get(name, 0) + (round(usd * NANO) if math.isfinite(usd) else 0)
    return services


def costs(connection: Connection) -> dict[str, int]:
    """Nano-USD by service, as the rows have it. Lost attempts are left out: no metric tells of them."""
    since = time.time_ns() - DAYS * 86_400 * NANO
    rows = connection.execute(
        select(calls.c.service, func.sum(calls.c.cost))
        .where(calls.c.kind == "call", calls.c.started >= since, calls.c.cost.is_not(None))
        .group_by(calls.c.service)
    )
    return {service or "": int(cost) for service, cost in rows}


def gaps(told: dict[str, int], booked: dict[str, int]) -> Iterator[Gap]:
    """Services of which the two say something else."""
    for service in sorted(told.keys() | booked.keys()):
        here, there = told.get(service, 0), booked.get(service, 0)
        if here != there:
            yield Gap(Counter("cost of service", service, WINDOW), "prometheus", here, there)
