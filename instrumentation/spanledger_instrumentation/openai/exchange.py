"""One logical call of the OpenAI client, from `request` to the end of its answer."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import replace
from types import TracebackType
from typing import Any
from weakref import WeakKeyDictionary

from spanledger.call import NOTHING, Answer, Call, Calls
from spanledger.errors import contained, type_name
from spanledger.semconv import names
from spanledger.stream import BodyTap, EventTap, Tap, tap_response
from spanledger_instrumentation.clients.shapes import mapping, mappings
from spanledger_instrumentation.openai import content
from spanledger_instrumentation.openai.answer import PlainReader
from spanledger_instrumentation.openai.background import Background, Created
from spanledger_instrumentation.openai.events import ChatEvents, ResponseEvents
from spanledger_instrumentation.openai.request import Endpoint, provider, request, wants_json

#: The call whose HTTP attempts are being made here.
CURRENT: ContextVar[Exchange | None] = ContextVar("spanledger_openai_exchange", default=None)

_LIMIT = b"x-ratelimit-"
_LIMITS = {
    b"limit-requests": names.SPANLEDGER_RATELIMIT_LIMIT_REQUESTS,
    b"limit-tokens": names.SPANLEDGER_RATELIMIT_LIMIT_TOKENS,
    b"remaining-requests": names.SPANLEDGER_RATELIMIT_REMAINING_REQUESTS,
    b"remaining-tokens": names.SPANLEDGER_RATELIMIT_REMAINING_TOKENS,
}
#: The base URL of each client, and whom it names.
_WHOM: WeakKeyDictionary[Any, tuple[Any, tuple[str, tuple[str, int | None]]]] = WeakKeyDictionary()
_OPTION = re.compile(r"stream_options|include_usage", re.IGNORECASE)


def rejects_usage_option(error: BaseException) -> bool:
    """Whether a server refused a request because of `stream_options.include_usage`."""
    if getattr(error, "status_code", None) not in (400, 422):
        return False
    body = mapping(getattr(error, "body", None))
    named = [str(error), str(body.get("message")), str(body.get("param"))]
    named += [str(detail.get("loc")) for detail in mappings(body.get("detail"))]
    return any(_OPTION.search(text) for text in named)


def _body(options: Any) -> dict[str, Any]:
    """The JSON that will be sent: the method's own arguments under what `extra_body` adds."""
    own = options.json_data if isinstance(options.json_data, Mapping) else {}
    extra = options.extra_json if isinstance(options.extra_json, Mapping) else {}
    return {**own, **extra} if extra else dict(own)


def whom(client: Any) -> tuple[str, tuple[str, int | None]]:
    """The provider that a client calls, with host and port. Kept for as long as client and base URL are the same."""
    url = client.base_url
    kept = _WHOM.get(client)
    if kept is None or kept[0] is not url:
        azure = any("Azure" in kind.__name__ for kind in type(client).__mro__)
        kept = _WHOM[client] = (url, (provider(url.host, azure=azure), (url.host, url.port)))
    return kept[1]


def leave(exchange: Exchange, outer: Exchange | None) -> None:
    """Forget an exchange where it is current. A coroutine closed by somebody else leaves in a foreign context."""
    if CURRENT.get() is exchange:
        CURRENT.set(outer)


class Exchange:
    """Holds a call together with what its answers are read by. Entered for as long as the client makes attempts."""

    def __init__(
        self,
        calls: Calls,
        background: Background,
        client: Any,
        args: tuple[Any, ...],
        found: Endpoint,
        *,
        ask: bool = False,
    ) -> None:
        options = args[1]
        self._endpoint = found
        self._background = background
        self.body = _body(options)
        self._streams = self.body.get("stream") is True
        self._capture = calls.settings.capture_content == "span"
        self.asked = False
        self.args = args
        if ask and self._streams and found.api in ("chat", "completions"):
            self._ask(options)
        self.call = self._start(calls, client)
        self._answer: Answer | None = None
        self._attempts = 0
        self._failure: tuple[str, int | None] | None = None
        self._handed_over = False

    def _start(self, calls: Calls, client: Any) -> Call:
        asked = request(self._endpoint, self.body, *whom(client), stream=self._streams)
        if self._capture:
            asked = replace(asked, attributes={**asked.attributes, **content.asked(self.body)})
        return calls.start(asked)

    def _plain_reader(self) -> PlainReader:
        return PlainReader(self._endpoint.api, self.body, capture=self._capture)

    def _ask(self, options: Any) -> None:
        """Ask for usage at the end of the stream, in a copy of the options: the app's own stay as they are."""
        given = self.body.get("stream_options")
        if given is not None and not isinstance(given, Mapping):
            return
        if given is not None and "include_usage" in given:
            return
        wanted = {"stream_options": {**(given or {}), "include_usage": True}}
        copy = options.model_copy()
        if isinstance(options.extra_json, Mapping) and "stream_options" in options.extra_json:
            copy.extra_json = {**options.extra_json, **wanted}
        else:
            copy.json_data = {**options.json_data, **wanted}
        self.args = (self.args[0], copy, *self.args[2:])
        self.asked = True

    def plain_again(self) -> None:
        """The request is made once more, without the option that was added."""
        self.asked = False
        self.body.pop("stream_options", None)

    def __enter__(self) -> Exchange:
        self._outer = CURRENT.get()
        CURRENT.set(self)
        self._active = self.call.active()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        self._active.release()
        leave(self, self._outer)
        if error is not None:
            self.call.fail(error, self._of_failed(error))
        elif not self._handed_over:
            with contained("openai"):
                self._note_background()
            self.call.succeed(self._answer or NOTHING)

    def _of_failed(self, error: BaseException) -> Answer:
        """What the app's error leaves to be paid: a whole answer that could not be parsed, or a request given up."""
        if self._answer is not None:
            attributes = dict(self._answer.attributes)
            if wants_json(self.body) and isinstance(error, Exception):
                attributes[names.SPANLEDGER_RESPONSE_SCHEMA_VALID] = False
            return replace(self._answer, attributes=attributes)
        if isinstance(error, Exception) or self._attempts == 0:
            return NOTHING
        return self._plain_reader().partial(self.call.elapsed)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """One HTTP attempt; a failure is told once another attempt follows it."""
        self._attempts += 1
        if self._failure is not None:
            self.call.attempt_failed(self._attempts - 1, *self._failure)
            self._failure = None
        try:
            yield
        except Exception as error:
            self._failure = (type_name(error), None)
            raise

    def received(self, response: Any, *, streamed: bool) -> None:
        """The head of an answer is here, and its body too unless it is streamed."""
        with contained("openai"):
            self.call.limits(_rate_limits(response.headers))
            if response.status_code >= 300:
                self._failure = (str(response.status_code), response.status_code)
            elif streamed:
                tap_response(response, self._tap(response), self.call.calls)
                self._handed_over = True
            else:
                self._answer = self._plain_reader().whole(response.content)

    def _tap(self, response: Any) -> Tap:
        if "text/event-stream" not in response.headers.get("content-type", "").lower():
            return BodyTap(self.call, self._plain_reader())
        if self._endpoint.api == "responses":
            return EventTap(self.call, ResponseEvents(self.body, capture=self._capture))
        return EventTap(self.call, ChatEvents(self.body, self.asked, capture=self._capture))

    def _note_background(self) -> None:
        """Remember a response that is still being made; it is metered when it is read again."""
        if self._endpoint.api == "responses" and self.body.get("background") is True and self._answer is not None:
            response_id = self._answer.attributes.get(names.GEN_AI_RESPONSE_ID)
            if self._answer.usage is None and isinstance(response_id, str):
                self._background.created(response_id, Created.by(self.call))


def _rate_limits(headers: Any) -> dict[str, int]:
    """What the rate-limit headers say. Read in their raw form, which is quicker than four look-ups."""
    found = {}
    for header, value in headers.raw:
        if len(header) > len(_LIMIT) and header[: len(_LIMIT)].lower() == _LIMIT:
            name = _LIMITS.get(header[len(_LIMIT) :].lower())
            if name is not None and value.strip().isdigit():
                found[name] = int(value)
    return found
