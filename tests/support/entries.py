"""Random entries of the ledger."""

from __future__ import annotations

import random
from collections.abc import Iterator

from spanledger.ledger import Charge, Entry
from spanledger.usage import Units, Usage

NANO = 1_000_000_000
#: Where the time of the entries begins: in the middle of an hour of a day.
BEGIN = 1_790_000_000 * NANO
DAYS = 3
MODELS = ("gpt-4o", "gpt-4o-mini", "claude-sonnet-4-5", None)


def entries(seed: int, count: int) -> Iterator[Entry]:
    """So many, all different, over some days."""
    dice = random.Random(seed)
    for number in range(count):
        yield _entry(dice, number)


def _entry(dice: random.Random, number: int) -> Entry:
    started = BEGIN + dice.randrange(DAYS * 86_400 * NANO)
    took = int(dice.lognormvariate(0, 1.5) * NANO)
    attempt = dice.random() < 0.05
    status = dice.choices(("success", "error", "timeout", "refused"), (85, 8, 4, 3))[0]
    estimated = attempt or dice.random() < 0.1
    usage = None if status == "refused" else _usage(dice, estimated)
    priced = usage is not None and dice.random() < 0.9
    run = f"run-{dice.randrange(40)}"
    return Entry(
        id=f"{number:08x}-{dice.getrandbits(32):08x}",
        started=started,
        ended=started + (0 if status == "refused" else took),
        first_chunk=started + took // 3 if dice.random() < 0.3 else None,
        kind="attempt" if attempt else "call",
        status="lost" if attempt else status,  # type: ignore[arg-type]
        operation=dice.choice(("chat", "embeddings", "generate_content")),
        provider=dice.choice(("openai", "anthropic")),
        request_model=dice.choice(MODELS),
        response_model=dice.choice(MODELS),
        service=dice.choice(("web", "worker")),
        environment=dice.choice(("prod", None)),
        stage=dice.choice(("plan", "write", "ß \"'; DROP TABLE calls", None)),
        tenant=dice.choice(("acme", "globex", "", None)),
        user=dice.choice(("ann", "bob", None)),
        run=run,
        trace_id=f"{dice.randrange(300):032x}",
        span_id=f"{number:016x}",
        usage=usage,
        cost=dice.randrange(2 * NANO) if priced else None,
        cost_source=dice.choice(("provider", "local")) if priced else None,
        price_version="test" if priced else None,
        price_status="none" if usage is None else "priced" if priced else "unpriced",
        estimated=estimated,
        attempts=dice.choice((1, 1, 1, 2)),
        cache=dice.choice((None, None, "hit", "miss")),
        hold=f"hold-{number}",
        charges=(Charge("run/run", run, run, "USD", number), Charge("global/total", "", "total", "USD", 1))
        if priced
        else (),
    )


def _usage(dice: random.Random, estimated: bool) -> Usage:
    read, write = dice.randrange(1000), dice.randrange(100)
    units = Units(images=dice.randrange(3), billed_input=dice.choice((None, 7))) if dice.random() < 0.1 else Units()
    return Usage(
        input=read + write + dice.randrange(2000),
        output=100 + dice.randrange(900),
        cache_read=read,
        cache_write=write,
        reasoning=dice.randrange(100),
        units=units,
        estimated=estimated,
    )
