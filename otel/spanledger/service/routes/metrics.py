"""`/api/metrics/*`: the six endpoints that dashboards ask."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter
from sqlalchemy.exc import SQLAlchemyError

from spanledger.ledger.overflow import SumError
from spanledger.ledger.questions.results import Totals
from spanledger.service.access import needs
from spanledger.service.answers.metrics import (
    CacheAnswer,
    CostsAnswer,
    DashboardAnswer,
    Health,
    HealthAnswer,
    PerformanceAnswer,
    QualityAnswer,
)
from spanledger.service.asked import Asked, GroupedOf
from spanledger.service.figures import at
from spanledger.service.metrics.costs import GROUPS, costs
from spanledger.service.metrics.health import health
from spanledger.service.metrics.performance import performance
from spanledger.service.metrics.reading import Reading
from spanledger.service.metrics.rest import cache, quality
from spanledger.service.parts import Parts, Service

router = APIRouter(prefix="/api/metrics", tags=["metrics"], dependencies=[needs("read")])


@router.get("/dashboard")
def dashboard(asked: GroupedOf, service: Parts) -> DashboardAnswer:
    """Everything that a dashboard shows, in one answer."""
    with service.reading() as connection:
        reading = Reading(connection, asked, GROUPS)
        return DashboardAnswer(
            performance=performance(reading),
            costs=costs(reading),
            quality=quality(reading),
            cache=cache(reading),
            health=_health(service, reading.sums, asked.group and reading.by(asked.group)),
            **head(asked),
        )


@router.get("/performance")
def performance_(asked: GroupedOf, service: Parts) -> PerformanceAnswer:
    """How fast calls were, and how often they failed."""
    with service.reading() as connection:
        return PerformanceAnswer(performance=performance(Reading(connection, asked)), **head(asked))


@router.get("/costs")
def costs_(asked: GroupedOf, service: Parts) -> CostsAnswer:
    """What calls cost, whose word that is, and what is ahead."""
    with service.reading() as connection:
        return CostsAnswer(costs=costs(Reading(connection, asked, GROUPS)), **head(asked))


@router.get("/quality")
def quality_(asked: GroupedOf, service: Parts) -> QualityAnswer:
    """What evaluations said."""
    with service.reading() as connection:
        return QualityAnswer(quality=quality(Reading(connection, asked)), **head(asked))


@router.get("/cache")
def cache_(asked: GroupedOf, service: Parts) -> CacheAnswer:
    """How the app's caches did, and the provider's."""
    with service.reading() as connection:
        return CacheAnswer(cache=cache(Reading(connection, asked)), **head(asked))


@router.get("/health")
def health_(asked: GroupedOf, service: Parts) -> HealthAnswer:
    """How the parts are that the service works with. It answers even where the ledger does not."""
    sums = groups = None
    try:
        with service.reading() as connection:
            reading = Reading(connection, asked)
            sums, groups = reading.sums, asked.group and reading.by(asked.group)
    except (SQLAlchemyError, SumError):
        pass  # of the first the ledger's component says it
    return HealthAnswer(health=_health(service, sums, groups), **head(asked))


def head(asked: Asked) -> dict[str, Any]:
    """What every answer begins with."""
    window = asked.window
    return {
        "timestamp": at(asked.at),
        "time_window_minutes": asked.minutes,
        "since": at(window.since),
        "until": at(window.until),
    }


def _health(service: Service, sums: Totals | None, groups: Mapping[str, Totals] | None) -> Health:
    return health(service.watch.seen(), service.settings.store, sums, groups)
