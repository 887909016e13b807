"""A process that tells the ledger of calls until it is killed, and says on standard output which it was told of."""

from __future__ import annotations

import sys
import time

from spanledger.config import Settings
from spanledger.ledger import Entry, opening


def main(url: str, name: str) -> None:
    ledger = opening.recorder(Settings(database_url=url), budgeted=False)
    assert ledger is not None
    number = 0
    while True:
        now = time.time_ns()
        ledger.record(Entry(f"{name}-{number}", now, now, "chat", "openai", cost=1))
        sys.stdout.write(f"{name}-{number}\n")
        sys.stdout.flush()
        number += 1


if __name__ == "__main__":
    main(*sys.argv[1:])
