"""The web app: `uvicorn --app-dir examples recommender.app:app`."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Annotated

import openai
from fastapi import BackgroundTasks, Depends, FastAPI, Request, WebSocket
from fastapi.requests import HTTPConnection
from fastapi.responses import JSONResponse, StreamingResponse
from pydantic import ValidationError

import spanledger
from recommender.backend import backend
from recommender.models import Answer, LearnerRequest
from recommender.pipeline import Part, Pipeline, build

log = logging.getLogger(__name__)


def create_app(environ: Mapping[str, str] = os.environ) -> FastAPI:
    """The app; which model API it uses is in the environment, see `backend`."""

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        with backend(environ) as api:
            async with openai.DefaultAsyncHttpxClient() as http:
                pipeline = build(api, http, environ.get("RECOMMENDER_DATABASE", ":memory:"))
                with spanledger.stage("catalogue_index"):
                    await pipeline.catalogue.index()
                app.state.pipeline = pipeline
                yield
                pipeline.catalogue.close()

    app = FastAPI(title="Course recommender", lifespan=lifespan)
    app.post("/recommend")(recommend)
    app.post("/recommend/stream")(recommend_stream)
    app.websocket("/ws/recommend")(recommend_socket)
    app.get("/notes")(notes)
    app.get("/healthz")(healthz)
    app.add_exception_handler(openai.OpenAIError, model_failed)
    return app


def the_pipeline(connection: HTTPConnection) -> Pipeline:
    """The pipeline of this app."""
    pipeline: Pipeline = connection.app.state.pipeline
    return pipeline


ThePipeline = Annotated[Pipeline, Depends(the_pipeline)]


async def recommend(learner: LearnerRequest, pipeline: ThePipeline, background: BackgroundTasks) -> Answer:
    """Recommend courses; the note about it is written after the answer has been sent."""
    answer = await pipeline.recommend(learner)
    background.add_task(pipeline.keep_note, answer)
    return answer


async def recommend_stream(learner: LearnerRequest, pipeline: ThePipeline) -> StreamingResponse:
    """The same as server-sent events, the text as it is written."""
    background = BackgroundTasks()

    async def events() -> AsyncIterator[str]:
        async for part in parts(pipeline, learner, background):
            yield f"event: {part.type}\ndata: {part.model_dump_json()}\n\n"

    return StreamingResponse(events(), media_type="text/event-stream", background=background)


async def recommend_socket(socket: WebSocket, pipeline: ThePipeline) -> None:
    """The same over a WebSocket: one JSON message in, many out."""
    await socket.accept()
    background = BackgroundTasks()
    try:
        learner = LearnerRequest.model_validate_json(await socket.receive_text())
    except ValidationError as wrong:
        await socket.close(1007, f"{wrong.error_count()} fields of the request are wrong")
        return
    async for part in parts(pipeline, learner, background):
        await socket.send_text(part.model_dump_json())
    await socket.close()
    await background()


async def parts(pipeline: Pipeline, learner: LearnerRequest, background: BackgroundTasks) -> AsyncIterator[Part]:
    """The parts of a streamed answer; a failing model ends them with one that says so."""
    try:
        async for part in pipeline.stream(learner):
            if isinstance(part.data, Answer):
                background.add_task(pipeline.keep_note, part.data)
            yield part
    except openai.OpenAIError as failed:
        log.warning("the model API failed in a stream: %s", failed)
        yield Part(type="error", data=str(failed))


async def notes(pipeline: ThePipeline) -> list[str]:
    """The notes about all consultations."""
    return pipeline.catalogue.notes()


async def healthz() -> dict[str, str]:
    """Whether the app is up."""
    return {"status": "ok"}


async def model_failed(request: Request, failed: Exception) -> JSONResponse:  # noqa: ARG001 - the framework passes it
    """A failing model API is not the caller's mistake: 503 when it is busy, 502 otherwise."""
    status = 503 if isinstance(failed, openai.RateLimitError) else 502
    problem = {"title": "The model API failed", "status": status, "detail": str(failed)}
    return JSONResponse(problem, status, media_type="application/problem+json")


app = create_app()
