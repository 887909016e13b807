"""A week of calls of a company that sells three products to forty customers: the same for the same seed.

Customers, stages and models are as uneven as they are in life; nights and weekends are quieter. A stage belongs to one
service and has an operation, a model that it mostly uses and others that it sometimes does.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate

from spanledger.ledger import CacheEvent, Entry
from spanledger.money import NANO
from spanledger.usage import Usage

DAY = 86_400
DAYS = 7
#: A Thursday, as the ledger's weeks begin, some way back: it has all of its days.
BEGIN = 1_779_926_400
#: Provider, model, nano-USD for a token in and out (None: unpriced), how many tokens it says in a second, how popular.
MODELS = (
    ("openai", "gpt-4o-mini", 150, 600, 90, 30),
    ("openai", "gpt-4o", 2500, 10_000, 70, 12),
    ("openai", "gpt-4.1", 2000, 8000, 75, 8),
    ("openai", "gpt-4.1-mini", 400, 1600, 110, 10),
    ("openai", "text-embedding-3-small", 20, 0, 0, 14),
    ("openai", "text-embedding-3-large", 130, 0, 0, 3),
    ("anthropic", "claude-sonnet-4-5", 3000, 15_000, 65, 12),
    ("anthropic", "claude-haiku-4-5", 1000, 5000, 130, 6),
    ("anthropic", "claude-opus-4-1", 15_000, 75_000, 35, 2),
    ("google", "gemini-2.5-flash", 300, 2500, 150, 6),
    ("google", "gemini-2.5-pro", 1250, 10_000, 70, 3),
    ("in-house", "ranker-7b", None, None, 40, 2),
)
SERVICES = ("assistant", "search", "reports")
ENVIRONMENTS, _OF_ENVIRONMENT = ("prod", "staging", "dev"), (92, 6, 2)
OPERATIONS = ("chat", "embeddings", "generate_content", "text_completion", "rerank", "transcribe")
STAGES = tuple(f"stage-{number:02}" for number in range(20))
TENANTS = tuple(f"tenant-{number:02}" for number in range(40))
USERS = 20_000
STATUSES, _OF_STATUS = ("success", "error", "timeout", "refused"), (9600, 250, 90, 60)
_HOURS = (2, 1, 1, 1, 1, 2, 4, 7, 10, 12, 12, 11, 10, 11, 12, 12, 11, 9, 7, 6, 5, 4, 3, 3)
_WEEKDAYS = (11, 10, 4, 3, 10, 11, 11)
_TENANT = tuple(accumulate(1 / (rank + 2) for rank in range(len(TENANTS))))
_STAGE = tuple(accumulate(1 / (rank + 3) for rank in range(len(STAGES))))


@dataclass(frozen=True, slots=True)
class _Stage:
    name: str
    service: str
    operation: str
    models: tuple[int, ...]


def entries(count: int, seed: int = 1) -> Iterator[Entry]:
    """So many calls and lost attempts of the week, the earliest first."""
    dice = random.Random(seed)
    stages = [_stage(dice, number) for number in range(len(STAGES))]
    hours = [(day, hour) for day in range(DAYS) for hour in range(24)]
    chosen = dice.choices(hours, [_WEEKDAYS[day] * _HOURS[hour] for day, hour in hours], k=count)
    times = sorted((BEGIN + day * DAY + hour * 3600) * NANO + dice.randrange(3600 * NANO) for day, hour in chosen)
    for number, started in enumerate(times):
        yield _entry(dice, stages, number, started)


def _stage(dice: random.Random, number: int) -> _Stage:
    operation = dice.choices(OPERATIONS, (55, 15, 12, 8, 6, 4))[0]
    weights = [model[5] for model in MODELS]
    return _Stage(STAGES[number], dice.choice(SERVICES), operation, tuple(dice.choices(range(12), weights, k=3)))


def _entry(dice: random.Random, stages: list[_Stage], number: int, started: int) -> Entry:
    stage = dice.choices(stages, cum_weights=_STAGE)[0]
    index = dice.choices(stage.models, (80, 15, 5))[0] if dice.random() < 0.97 else dice.randrange(len(MODELS))
    provider, model, price_in, price_out, speed, _ = MODELS[index]
    tenant = int(dice.choices(range(len(TENANTS)), cum_weights=_TENANT)[0])
    lost = dice.random() < 0.002
    status = "lost" if lost else dice.choices(STATUSES, _OF_STATUS)[0]
    estimated = lost or (status == "success" and dice.random() < 0.02)
    usage = None if status != "success" else _usage(dice, estimated, speaks=speed > 0)
    cost = None
    if usage is not None and price_in is not None and price_out is not None:
        cost = usage.input * price_in + usage.output * price_out
    took = 0 if status == "refused" else _took(dice, usage, speed)
    stream = speed > 0 and dice.random() < 0.4
    return Entry(
        id=f"{number:08x}{dice.getrandbits(64):016x}",
        started=started,
        ended=started + took,
        first_chunk=started + took // 5 if stream and usage else None,
        kind="attempt" if lost else "call",
        status=status,  # type: ignore[arg-type]
        operation=stage.operation,
        provider=provider,
        request_model=model,
        response_model=f"{model}-2026" if usage else None,
        service=stage.service,
        environment=dice.choices(ENVIRONMENTS, _OF_ENVIRONMENT)[0],
        stage=stage.name,
        tenant=TENANTS[tenant],
        user=f"user-{int(dice.paretovariate(1.1) * 50) % USERS:05}",
        run=f"{number // 4:08x}-run",
        trace_id=f"00{number // 4:030x}",
        span_id=f"{number:016x}",
        usage=usage,
        cost=cost,
        cost_source=None if cost is None else "provider" if dice.random() < 0.1 else "local",
        price_version=None if cost is None else "2026-06-01",
        price_status="unpriced" if lost or (usage and cost is None) else "priced" if usage else "none",
        estimated=estimated,
        error_type={"error": "500", "timeout": "timeout", "refused": "spanledger.BudgetExceeded"}.get(status),
        finish_reason="stop" if usage else None,
        stream=stream,
    )


def _usage(dice: random.Random, estimated: bool, *, speaks: bool) -> Usage:
    asked = 20 + int(dice.expovariate(1 / 900))
    read = asked // 2 if dice.random() < 0.25 else 0
    said = 1 + int(dice.expovariate(1 / 220)) if speaks else 0
    return Usage(input=asked, output=said, cache_read=read, estimated=estimated)


def _took(dice: random.Random, usage: Usage | None, speed: int) -> int:
    seconds = dice.lognormvariate(-1.2, 0.5) + (usage.output / speed if usage and speed else 0)
    return int(seconds * dice.lognormvariate(0, 0.2) * NANO)


def cache_events(count: int, seed: int = 2) -> Iterator[CacheEvent]:
    """So many times that two caches of the company's were asked in the week."""
    dice = random.Random(seed)
    stages = [_stage(dice, number) for number in range(len(STAGES))]
    for number in range(count):
        stage = dice.choices(stages, cum_weights=_STAGE)[0]
        yield CacheEvent(
            f"{number:08x}",
            BEGIN * NANO + dice.randrange(DAYS * DAY * NANO),
            dice.choice(("l1", "l2")),
            dice.random() < 0.3,
            operation=stage.operation,
            stage=stage.name,
            tenant=dice.choices(TENANTS, cum_weights=_TENANT)[0],
        )
