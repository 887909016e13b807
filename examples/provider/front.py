"""The way of one request through the provider: understood, billed, answered or refused."""

from __future__ import annotations

import asyncio
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from provider import errors, faults, forms, models, wishes
from provider.books import Entry
from provider.desk import Ask, Desk, Reply
from provider.dialect import OPENAI, Dialect
from provider.errors import ApiError, Json
from provider.sending import EventStream, Whole, frames
from provider.wishes import Wish

Endpoint = Callable[[Ask, Desk], Reply]

_NO_KEY = (
    "You didn't provide an API key. You need to provide your API key in an Authorization header using "
    "Bearer auth (i.e. Authorization: Bearer YOUR_KEY)."
)
_NOT_JSON = "We could not parse the JSON body of your request. The OpenAI API expects a JSON payload."
_SPOKEN = ("instructions", "system", "messages", "input", "prompt")
_DEFAULT_MODELS = {
    "/moderations": "omni-moderation-latest",
    "/input_tokens": "gpt-4o-mini",
    "/messages/batches": "claude-haiku-4-5",
    "/batches": "gpt-4o-mini",
    "/files": "gpt-4o-mini",
}
_LONGEST_SILENCE = 600.0
_FORM = "multipart/form-data"


@dataclass(frozen=True)
class Front:
    """Takes the requests of one provider that come in one dialect."""

    desk: Desk
    dialect: Dialect = OPENAI

    async def call(self, request: Request, endpoint: Endpoint) -> Response:
        """Answer a request to a model."""
        raw = await request.body()
        started = time.perf_counter()
        entry = self._enter(request, raw)
        try:
            return await self._answer(request, endpoint, entry, raw, started)
        except ApiError as refused:
            return self._refuse(refused, entry, started)

    async def look(self, request: Request, answer: Callable[[], Reply]) -> Response:
        """Answer a request that asks no model: a stored response, the list of models."""
        started = time.perf_counter()
        entry = self._enter(request, b"")
        try:
            _authorize(request)
            reply = answer()
        except ApiError as refused:
            return self._refuse(refused, entry, started)
        return self._send(reply, entry, Wish(), None, started)

    async def _answer(self, request: Request, endpoint: Endpoint, entry: Entry, raw: bytes, started: float) -> Response:
        _authorize(request)
        body = _parsed(entry)
        entry.model = str(body.get("model") or _named_in(request) or _default_model(request))
        entry.stream = body.get("stream") is True or "stream" in request.url.path.rpartition("/")[2]
        wish, entry.fault = self._wish(request, entry, body)
        refusal = self._refusal(entry.fault, body | {"stream": entry.stream}, entry.model, wish)
        reply = None
        if refusal is None and entry.fault != "timeout":
            reply = _understood(endpoint, self._ask(request, entry, wish, raw), self.desk)
        if reply is not None and reply.usage is not None:
            self.desk.books.bill(entry, reply.usage)
        await asyncio.sleep((self.desk.settings.delay_ms if wish.delay_ms is None else wish.delay_ms) / 1000)
        if refusal is not None:
            raise refusal
        if reply is None:
            return await _silence(request)
        return self._send(reply, entry, wish, entry.fault, started)

    def _wish(self, request: Request, entry: Entry, body: Json) -> tuple[Wish, str | None]:
        """What the request wishes for, and the fault that is due now."""
        said = _said(body)
        try:
            wish = wishes.read(said, request.headers.get("x-sim-fault"))
            return wish, faults.due(wish, f"{entry.account}:{entry.path}:{wish}:{said}", self.desk.faulted)
        except ValueError as wrong:
            raise ApiError(400, str(wrong)) from None

    def _enter(self, request: Request, raw: bytes) -> Entry:
        headers = {
            k: "***" if k in ("authorization", "api-key", "x-api-key") else v for k, v in request.headers.items()
        }
        entry = Entry(
            time=self.desk.settings.clock(),
            method=request.method,
            path=request.url.path,
            query=request.url.query,
            headers=headers,
            account=fingerprint(_key(request)),
            body=_loaded(raw, request),
            request_id="req_" + self.desk.identity(raw + request.url.path.encode()),
        )
        self.desk.books.enter(entry)
        return entry

    def _ask(self, request: Request, entry: Entry, wish: Wish, raw: bytes) -> Ask:
        if not entry.model:
            raise ApiError(400, "you must provide a model parameter")
        model = models.named(entry.model)
        deployed = "deployment" in request.path_params
        if self.desk.settings.strict_models and not model.listed and not deployed:
            raise errors.refusal("404", entry.model)
        return Ask(
            body=entry.body,
            model=model,
            wish=wish,
            account=entry.account,
            id=self.desk.identity(raw),
            created=int(self.desk.settings.clock()),
            azure=deployed,
            files=_files(raw, request),
        )

    def _refusal(self, fault: str | None, body: Json, model: str, wish: Wish) -> ApiError | None:
        if self.desk.settings.reject_stream_options and fault is None:
            fault = "reject_stream_options"
        return faults.refused(fault, body, model, wish)

    def _send(self, reply: Reply, entry: Entry, wish: Wish, fault: str | None, started: float) -> Response:
        entry.status, entry.response_id = 200, str(reply.body.get("id", ""))
        headers = self._headers(entry, started)
        if reply.events is None:
            return Whole(reply, entry, headers, fault)
        gap = (self.desk.settings.gap_ms if wish.gap_ms is None else wish.gap_ms) / 1000
        return EventStream(frames(reply, wish, fault, self.dialect), entry, headers, gap, reply.framing.media_type)

    def _refuse(self, refused: ApiError, entry: Entry, started: float) -> Response:
        entry.status = refused.status
        entry.finished = True
        headers = self._headers(entry, started) | refused.headers
        return JSONResponse(self.dialect.error(refused, entry.request_id), refused.status, headers)

    def _headers(self, entry: Entry, started: float) -> dict[str, str]:
        said = self.dialect.headers(entry.request_id, (time.perf_counter() - started) * 1000)
        if not entry.model:
            return said
        spent = entry.tokens.input + entry.tokens.output if entry.tokens else 0
        left = self.desk.limits.take(models.named(entry.model).asked, spent)
        return said | self.dialect.limits(left)


def fingerprint(key: str) -> str:
    """How an account is named in bill and log: enough of a hash to tell keys apart, nothing of the key."""
    return hashlib.sha256(key.encode()).hexdigest()[:12]


def _key(request: Request) -> str:
    bearer = request.headers.get("authorization", "").removeprefix("Bearer ")
    return bearer or request.headers.get("api-key", "") or request.headers.get("x-api-key", "")


def _named_in(request: Request) -> str | None:
    """The model that the path names."""
    return request.path_params.get("deployment") or request.path_params.get("model")


def _authorize(request: Request) -> None:
    key = _key(request)
    if not key:
        raise ApiError(401, _NO_KEY)
    if key.startswith("sk-invalid"):
        raise errors.refusal("401", "")


def _files(raw: bytes, request: Request) -> dict[str, bytes]:
    kind = request.headers.get("content-type", "")
    return forms.read(raw, kind)[1] if kind.startswith(_FORM) else {}


def _loaded(raw: bytes, request: Request) -> Any:
    kind = request.headers.get("content-type", "")
    if kind.startswith(_FORM):
        return forms.read(raw, kind)[0]
    try:
        return json.loads(raw)
    except ValueError:
        return None


def _parsed(entry: Entry) -> Json:
    if not isinstance(entry.body, dict):
        raise ApiError(400, _NOT_JSON)
    return entry.body


def _said(body: Json) -> str:
    """All text of a request in which a wish can stand."""
    return "\n".join(text for name in _SPOKEN for text in wishes.texts(body.get(name)))


def _default_model(request: Request) -> str:
    return next((model for end, model in _DEFAULT_MODELS.items() if request.url.path.endswith(end)), "")


def _understood(endpoint: Endpoint, ask: Ask, desk: Desk) -> Reply:
    """The endpoint's reply; what it cannot make sense of is the client's error."""
    try:
        return endpoint(ask, desk)
    except (AttributeError, KeyError, TypeError, ValueError) as wrong:
        raise ApiError(400, f"Invalid request: {type(wrong).__name__}: {wrong}") from wrong


async def _silence(request: Request) -> Response:
    """Say nothing until the client hangs up."""
    waited = 0.0
    while waited < _LONGEST_SILENCE and not await request.is_disconnected():
        await asyncio.sleep(0.05)
        waited += 0.05
    return Response(status_code=504)
