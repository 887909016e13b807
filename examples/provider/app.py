"""The web app of the simulated provider: which path leads where."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import partial

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from provider import models
from provider.desk import Desk, Reply
from provider.dialect import ANTHROPIC
from provider.errors import Json, refusal
from provider.front import Endpoint, Front, fingerprint
from provider.settings import Settings
from provider.wire import (
    audio,
    batches,
    chat,
    completions,
    embeddings,
    files,
    images,
    message_batches,
    messages,
    moderations,
    platforms,
    response_desk,
    responses,
)

_MODELS: dict[str, Endpoint] = {
    "/chat/completions": chat.answer,
    "/completions": completions.answer,
    "/embeddings": embeddings.answer,
    "/moderations": moderations.answer,
    "/responses": responses.answer,
    "/responses/compact": response_desk.compact,
    "/files": files.create,
    "/audio/transcriptions": audio.transcribe,
    "/audio/translations": audio.transcribe,
    "/audio/speech": audio.speak,
    "/images/generations": images.draw,
    "/images/edits": images.draw,
    "/images/variations": images.draw,
    "/batches": batches.create,
    "/responses/input_tokens": response_desk.input_tokens,
}
_CLAUDE: dict[str, Endpoint] = {
    "/v1/messages": messages.answer,
    "/v1/messages/count_tokens": messages.count_tokens,
    "/v1/messages/batches": message_batches.create,
    "/model/{model}/invoke": platforms.bedrock,
    "/model/{model}/invoke-with-response-stream": platforms.bedrock_stream,
    platforms.VERTEX + ":rawPredict": platforms.vertex,
    platforms.VERTEX + ":streamRawPredict": platforms.vertex,
}
_KEPT: dict[str, Callable[[Desk, str], Reply]] = {
    "/files/{id}": files.retrieve,
    "/files/{id}/content": files.content,
    "/batches/{id}": batches.retrieve,
}
_DEPLOYED = ("/chat/completions", "/completions", "/embeddings")
_ROOTS = ("/v1", "/openai/v1", "/openai")
_OWNED: Json = {"object": "model", "created": 1715367049, "owned_by": "system"}

Handler = Callable[[Request], Awaitable[Response]]


def create_app(settings: Settings | None = None, desk: Desk | None = None) -> Starlette:
    """A provider with books of its own."""
    desk = desk or Desk(settings or Settings())
    front = Front(desk)
    routes = [route for root in _ROOTS for route in _routes(front, root)]
    deployed = [_post("/openai/deployments/{deployment}" + path, front, _MODELS[path]) for path in _DEPLOYED]
    claude = _claude(Front(desk, ANTHROPIC))
    return Starlette(routes=[*claude, *routes, *deployed, *_books(desk), Route("/healthz", _healthy)])


def _claude(front: Front) -> list[BaseRoute]:
    """Anthropic's API, and where Bedrock and Vertex have it."""
    batch = "/v1/messages/batches/{id}"
    return [
        *(_post(path, front, endpoint) for path, endpoint in _CLAUDE.items()),
        Route(batch, partial(_by_id, front, message_batches.retrieve), methods=["GET"]),
        Route(f"{batch}/results", partial(_by_id, front, message_batches.results), methods=["GET"]),
    ]


def _routes(front: Front, root: str) -> list[BaseRoute]:
    stored = f"{root}/responses/{{id}}"
    return [
        *(_post(root + path, front, endpoint) for path, endpoint in _MODELS.items()),
        Route(f"{root}/models", partial(_models, front), methods=["GET"]),
        Route(f"{root}/models/{{id:path}}", partial(_model, front), methods=["GET"]),
        *(_by(f"{root}{path}", front, answer) for path, answer in _KEPT.items()),
        Route(f"{root}/batches/{{id}}/cancel", partial(_by_id, front, batches.cancel), methods=["POST"]),
        Route(stored, partial(_retrieve, front), methods=["GET"]),
        Route(stored, partial(_by_id, front, response_desk.delete), methods=["DELETE"]),
        Route(f"{stored}/cancel", partial(_by_id, front, response_desk.cancel), methods=["POST"]),
        Route(f"{stored}/input_items", partial(_by_id, front, response_desk.input_items), methods=["GET"]),
    ]


def _post(path: str, front: Front, endpoint: Endpoint) -> Route:
    async def handle(request: Request) -> Response:
        return await front.call(request, endpoint)

    return Route(path, handle, methods=["POST"])


def _by(path: str, front: Front, answer: Callable[[Desk, str], Reply]) -> Route:
    return Route(path, partial(_by_id, front, answer), methods=["GET"])


async def _by_id(front: Front, answer: Callable[[Desk, str], Reply], request: Request) -> Response:
    return await front.look(request, lambda: answer(front.desk, request.path_params["id"]))


async def _retrieve(front: Front, request: Request) -> Response:
    stream = request.query_params.get("stream") == "true"
    after = int(request.query_params.get("starting_after", -1))
    found = request.path_params["id"]
    return await front.look(request, lambda: response_desk.retrieve(front.desk, found, stream=stream, after=after))


async def _models(front: Front, request: Request) -> Response:
    names = sorted({*models.DATED, *models.DATED.values()})
    return await front.look(
        request, lambda: Reply({"object": "list", "data": [{"id": name, **_OWNED} for name in names]})
    )


async def _model(front: Front, request: Request) -> Response:
    name = request.path_params["id"]

    def found() -> Reply:
        if not models.named(name).listed:
            raise refusal("404", name)
        return Reply({"id": name, **_OWNED})

    return await front.look(request, found)


def _books(desk: Desk) -> list[BaseRoute]:
    """The pages that only a simulated provider has: `/_bill`, `/_log` (both take `?key=`), `/_reset`."""

    def account(request: Request) -> str | None:
        key = request.query_params.get("key")
        return None if key is None else fingerprint(key)

    async def bill(request: Request) -> Response:
        return JSONResponse(desk.books.total(account(request)))

    async def log(request: Request) -> Response:
        return JSONResponse(desk.books.log(account(request)))

    async def reset(request: Request) -> Response:  # noqa: ARG001 - the framework passes it
        desk.books.clear()
        return JSONResponse(desk.books.total())

    return [Route("/_bill", bill), Route("/_log", log), Route("/_reset", reset, methods=["POST"])]


async def _healthy(request: Request) -> Response:  # noqa: ARG001 - the framework passes it
    return JSONResponse({"status": "ok"})
