"""The service put together."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI
from starlette.middleware.cors import CORSMiddleware

from spanledger.service import intake, problems
from spanledger.service.gate import Gate
from spanledger.service.parts import Service
from spanledger.service.routes import probes

ROUTERS = (probes.router,)


def create(service: Service) -> FastAPI:
    """An app of these parts. Whoever has more to offer adds it: `app.include_router(router)`."""
    app = FastAPI(
        title="spanledger",
        summary="What LLM agents cost: metrics, calls, runs, budgets.",
        version=version("spanledger"),
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
    )
    app.state.service = service
    problems.install(app)
    if service.settings.service_cors:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(service.settings.service_cors),
            allow_methods=["GET"],
            allow_headers=["Authorization"],
        )
    app.add_middleware(Gate, local=service.tokens is None)
    for router in ROUTERS:
        app.include_router(router)
    app.include_router(intake.router(intake.desk(service)))
    return app
