"""One logical call of the OpenAI client, from `request` to the end of its answer."""

from __future__ import annotations

from collections.abc import Mapping, MutableMapping
from typing import Any, ClassVar

from spanledger.admission import Cut
from spanledger.bound import Bound
from spanledger.call import Calls
from spanledger.errors import contained
from spanledger.semconv import names
from spanledger.stream import BodyReader, EventTap, Tap
from spanledger_instrumentation.clients.exchange import Metered
from spanledger_instrumentation.clients.limits import RateLimits
from spanledger_instrumentation.clients.shapes import mapping, mappings
from spanledger_instrumentation.clients.whom import whom
from spanledger_instrumentation.openai import background, content, media
from spanledger_instrumentation.openai.added import Added
from spanledger_instrumentation.openai.answer import PlainReader
from spanledger_instrumentation.openai.bound import LEGACY_CAP, bound, cap_field
from spanledger_instrumentation.openai.events import ChatEvents
from spanledger_instrumentation.openai.request import Endpoint, provider, request, wants_json
from spanledger_instrumentation.openai.response_events import ResponseEvents


def _said(error: BaseException) -> str:
    """What a server says is wrong with a request."""
    body = mapping(getattr(error, "body", None))
    said = [str(error), str(body.get("message")), str(body.get("param"))]
    return " ".join(said + [str(detail.get("loc")) for detail in mappings(body.get("detail"))])


def _body(options: Any) -> dict[str, Any]:
    """The JSON that will be sent: the method's own arguments under what `extra_body` adds."""
    own = options.json_data if isinstance(options.json_data, Mapping) else {}
    extra = options.extra_json if isinstance(options.extra_json, Mapping) else {}
    return {**own, **extra} if extra else dict(own)


def _with(args: tuple[Any, ...], wanted: Mapping[str, Any]) -> tuple[Any, ...]:
    """The arguments of a request with these fields in its JSON, in a copy: the app's own stay as they are."""
    copy = args[1].model_copy()
    over = {key for key in wanted if isinstance(copy.extra_json, Mapping) and key in copy.extra_json}
    if over:
        copy.extra_json = {**copy.extra_json, **{key: wanted[key] for key in over}}
    copy.json_data = {**(copy.json_data or {}), **{key: value for key, value in wanted.items() if key not in over}}
    return (args[0], copy, *args[2:])


class OpenAIExchange(Metered):
    """A call of the OpenAI client. `refused` are fields that servers refuse, by host and port."""

    library: ClassVar[str] = "openai"
    limits: ClassVar[RateLimits] = RateLimits.spelled(
        b"x-ratelimit-", b"limit-requests", b"limit-tokens", b"remaining-requests", b"remaining-tokens"
    )

    def __init__(
        self,
        calls: Calls,
        client: Any,
        args: tuple[Any, ...],
        found: Endpoint,
        refused: MutableMapping[tuple[str, int | None], set[str]],
    ) -> None:
        self._endpoint = found
        body = _body(args[1])
        streams = body.get("stream") is True
        who = whom(client, provider, args[1].headers)
        super().__init__(calls, args, body, request(found, body, who, stream=streams))
        self._own = args
        self._added = Added(refused[who.host, who.port])
        if streams and found.api in ("chat", "completions") and self._added.ask(body):
            self._add()

    def _add(self) -> None:
        """Put what is added into a copy of the options: the app's own stay as they are."""
        self.args = _with(self._own, self._added.fields) if self._added.fields else self._own

    def bound(self, size: int | None) -> Bound:
        """The worst case of the request."""
        return bound(self._endpoint.api, self.body, size)

    def alter(self, cut: Cut) -> None:
        """Put another model or a cap into the request."""
        if cut.model is not None:
            self._added.fields["model"] = cut.model
        field = cap_field(self._endpoint.api, self.call.request.provider, self.body)
        if cut.output is not None and field is not None:
            self._added.cap(field, min(cut.output, LEGACY_CAP) if self._endpoint.api == "completions" else cut.output)
        self._add()
        self.body.update(self._added.fields)

    def again(self, error: Exception) -> bool:
        """Whether the error is about what we added, so that the request is to be made without it."""
        if not self._added.may_be_refused(getattr(error, "status_code", None)):
            return False
        with contained("openai"):
            if self._added.again(_said(error)):
                self._add()
                self.body = {**_body(self._own[1]), **self._added.fields}
                return True
        return False

    def got_through(self) -> None:
        """What the server refused is remembered."""
        self._added.got_through()

    def prompt(self, body: Mapping[str, Any]) -> dict[str, str]:
        """What was asked, as attributes."""
        return content.asked(body)

    def wants_json(self) -> bool:
        """Whether the answer was asked for as JSON."""
        return wants_json(self.body)

    def plain(self) -> BodyReader:
        """Reads an answer that comes as one body."""
        return PlainReader(self._endpoint.api, self.body, capture=self.capture)

    def events(self, content_type: str) -> Tap | None:
        """Reads an answer that comes in events; None if it is none."""
        if "text/event-stream" not in content_type:
            return None
        if self._endpoint.api == "responses":
            return EventTap(self.call, ResponseEvents(self.body, capture=self.capture))
        return EventTap(self.call, ChatEvents(self.body, self._added.asks, capture=self.capture))

    def complete(self) -> None:
        """Remember a response that is still being made; it is metered when it is read again."""
        answer = self.answer
        if self._endpoint.api != "responses" or self.body.get("background") is not True or answer is None:
            return
        response_id = answer.attributes.get(names.GEN_AI_RESPONSE_ID)
        if answer.usage is None and answer.error is None and isinstance(response_id, str):
            background.created(self.call, response_id)


class MediaExchange(OpenAIExchange):
    """A call whose question or answer is audio or a picture. A form's fields are its body, without the files."""

    def bound(self, size: int | None) -> Bound:  # noqa: ARG002  bytes of audio and pictures bound no tokens
        """The worst case of the request."""
        return media.bound(self._endpoint.api, self.body)

    def plain(self) -> BodyReader:
        """Reads an answer that comes as one body."""
        return media.MediaReader(self._endpoint.api, self.body)

    def events(self, content_type: str) -> Tap | None:
        """Reads an answer that comes in events; None if it is none."""
        return EventTap(self.call, media.MediaEvents()) if "text/event-stream" in content_type else None
