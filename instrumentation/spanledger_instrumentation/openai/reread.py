"""A response made in the background, read again: the reading that brings its usage becomes the metered call."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from spanledger.call import Calls
from spanledger.later import resumed
from spanledger.messages import Answer
from spanledger.semconv import names
from spanledger.stream import BodyTap, EventTap
from spanledger.tapping import tap_response
from spanledger_instrumentation.clients.exchange import Exchange
from spanledger_instrumentation.clients.whom import whom
from spanledger_instrumentation.openai import background
from spanledger_instrumentation.openai.answer import PlainReader
from spanledger_instrumentation.openai.request import Endpoint, provider, request
from spanledger_instrumentation.openai.response_events import ResponseEvents


class Reread(Exchange):
    """Reading again costs nothing. It is also what a tap tells: the end of an answer that may bring the usage."""

    ended = False
    elapsed = 0.0

    def __init__(self, calls: Calls, client: Any, args: tuple[Any, ...], found: Endpoint) -> None:
        super().__init__(args)
        self._endpoint = found
        self._calls = calls
        self._client = client

    def first_chunk(self) -> None:
        """The first piece of a stream; when it came is of no interest."""

    def attempt_answered(self, response: Any, *, streamed: bool) -> None:
        """The response as it stands now, or a stream that will say so."""
        if response.status_code >= 300:
            return
        plain = PlainReader("responses", {})
        if not streamed:
            self.succeed(plain.whole(response.content))
        elif "text/event-stream" in response.headers.get("content-type", "").lower():
            tap_response(response, EventTap(self, ResponseEvents({})), self._calls)
        else:
            tap_response(response, BodyTap(self, plain), self._calls)

    def fail(self, error: BaseException, answer: Answer) -> None:  # noqa: ARG002  what a tap tells
        """A reading that broke off tells nothing; the next one will."""
        self.ended = True

    def succeed(self, answer: Answer) -> None:
        """Meter the response if it is done: once, for whoever created it."""
        self.ended = True
        usage, response_id = answer.usage, self._endpoint.retrieved or ""
        if answer.error is None and (usage is None or usage.estimated):
            return
        pending = background.take(self._calls, response_id)
        if pending is None:
            return
        asked = request(self._endpoint, {"model": pending.model}, whom(self._client, provider), stream=False)
        call = resumed(self._calls, asked, pending)
        if usage is None:  # it failed or was cancelled, and has nothing to pay
            call.attempt_over(billed=False)
        call.succeed(replace(answer, attributes={**answer.attributes, names.GEN_AI_RESPONSE_ID: response_id}))
