"""The service put together."""

from __future__ import annotations

import time
from collections.abc import Callable
from importlib.metadata import version

from fastapi import Depends, FastAPI
from sqlalchemy import Engine
from starlette.middleware.cors import CORSMiddleware

from spanledger.config import Settings
from spanledger.pricing import open_book
from spanledger.service import intake, problems
from spanledger.service.asked import once
from spanledger.service.books import Books
from spanledger.service.gate import Gate
from spanledger.service.meters import Metered, Meters
from spanledger.service.openapi import Described
from spanledger.service.parts import Service
from spanledger.service.rate import Rate
from spanledger.service.routes import admin, budgets, calls, export, metrics, probes, prometheus
from spanledger.service.tokens import Tokens
from spanledger.service.watch import watch
from spanledger.service.web import page
from spanledger.service.web import routes as web

ROUTERS = (
    metrics.router,
    export.router,
    calls.router,
    budgets.router,
    admin.router,
    prometheus.router,
    probes.router,
    web.router,
)


def create(
    settings: Settings,
    engine: Engine,
    books: Books,
    *,
    tokens: Tokens | None = None,
    clock: Callable[[], float] = time.time,
) -> FastAPI:
    """An app of these parts. Whoever has more to offer adds it: `app.include_router(router)`.

    Raises:
        ConfigError: a setting cannot be used.
    """
    rate = Rate.of(settings.service_rate, settings.store)
    watched = watch(engine, books, settings.collector_url)
    book = open_book(settings.prices, settings.unpriced)
    service = Service(settings, engine, books, rate, watched, book, tokens, clock)
    app = Described(
        title="spanledger",
        summary="What LLM agents cost: metrics, calls, runs, budgets.",
        version=version("spanledger"),
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        dependencies=[Depends(once)],
        generate_unique_id_function=lambda route: route.name.strip("_"),
    )
    app.state.service = service
    app.state.meters = meters = Meters()
    problems.install(app, page.failed)
    if service.settings.service_cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(service.settings.service_cors),
            allow_methods=["GET"],
            allow_headers=["Authorization"],
        )
    app.add_middleware(Gate, local=tokens is None)
    app.add_middleware(Metered, meters=meters)
    for router in ROUTERS:
        app.include_router(router)
    app.include_router(intake.router(intake.desk(service)))
    return app
