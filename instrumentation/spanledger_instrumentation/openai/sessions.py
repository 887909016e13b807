"""Websocket sessions: every response in them is a call, asked for by the app or begun by the server.

A realtime server listens, and begins a response by itself when it thinks that the user has done speaking. Nobody could
refuse that any more, so the hold for it is taken with the first audio that is sent after the last response: that is
what a budget refuses.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

from opentelemetry import context

from spanledger import scope
from spanledger.admission import Admission
from spanledger.call import Call, Calls
from spanledger.errors import BudgetExceeded, Refused, contained
from spanledger.messages import Answer, Request
from spanledger_instrumentation.clients.answers import ProviderError
from spanledger_instrumentation.clients.keys import fingerprint, given
from spanledger_instrumentation.clients.shapes import mapping, text
from spanledger_instrumentation.clients.sizes import size
from spanledger_instrumentation.clients.whom import Whom, by_host
from spanledger_instrumentation.openai.bound import bound
from spanledger_instrumentation.openai.request import Endpoint, request
from spanledger_instrumentation.openai.turns import (
    Reader,
    RealtimeTurn,
    ResponseTurn,
    answers_by_itself,
    read_so_far,
    realtime_bound,
    transcriber,
)
from spanledger_instrumentation.openai.units import transcribed

Kind = Literal["realtime", "responses"]
_AUDIO = '"input_audio_buffer.append"'
_TRANSCRIBED = "conversation.item.input_audio_transcription.completed"


@dataclass(slots=True)
class Turn:
    """One response under way. `event` is the app's own name of what it sent to ask for it."""

    call: Call
    reader: Reader
    event: str | None = None


class Session:
    """One connection, from its opening to its end. It is used by one sender and one reader at a time."""

    def __init__(self, calls: Calls, kind: Kind, asked: Any) -> None:
        """`asked` is the HTTP request of the connection's handshake."""
        self._calls = calls
        self._kind = kind
        self._here = context.get_current()
        parts = urlsplit(str(getattr(asked, "path", "")))
        host, _, port = str(asked.headers.get("Host", "")).partition(":")
        key = fingerprint(given(asked.headers))
        self._whom = Whom(by_host(host) or "openai", host, int(port) if port.isdigit() else None, key)
        query = parse_qs(parts.query)
        self._model: str | None = next(iter(query.get("model", query.get("deployment", []))), None)
        self._session: Mapping[str, Any] = {}
        self._asked: deque[Turn] = deque()
        self._open: dict[str, Turn] = {}
        self._standing: tuple[Admission, float] | None = None
        self._length = 0
        self._sent: Turn | None = None

    def sending(self, message: object) -> Iterator[float]:
        """The app sends a message; yields seconds to sleep while it is not given leave and there is hope.

        Raises:
            Refused: a budget has no room for the response that it asks for, or that the server may begin.
        """
        self._sent = None
        if not isinstance(message, str):
            message = message.decode("utf-8", "replace") if isinstance(message, bytes) else ""
        if self._kind == "realtime" and _AUDIO in message[:256]:
            yield from self._stand()
        elif "response.create" in message:
            found: Mapping[str, Any] = {}
            with contained("openai"):
                found = mapping(json.loads(message))
            if found.get("type") == "response.create":
                yield from self._create(found)

    def _create(self, event: Mapping[str, Any]) -> Iterator[float]:
        if self._kind == "realtime":
            body = mapping(event.get("response"))
            turn = Turn(self._begin(), RealtimeTurn(self._length), text(event.get("event_id")))
            worst = realtime_bound(body, self._session)
        else:
            body = event
            asked = request(Endpoint("responses", "chat"), body, self._whom, stream=True)
            turn = Turn(self._calls.start(asked), ResponseTurn(body))
            worst = bound("responses", body, size(body))
        self._asked.append(turn)
        self._sent = turn
        if turn.call.admission is None:
            return
        try:
            yield from turn.call.admission.admit(worst)
        except Refused as refused:
            self._asked.remove(turn)
            turn.call.fail(BudgetExceeded(refused.refusal))
            raise

    def _begin(self) -> Call:
        return self._calls.start(replace(self._request(self._model), stream=True))

    def _request(self, model: str | None, operation: str = "chat") -> Request:
        return request(Endpoint("realtime", operation), {"model": model}, self._whom, stream=False)

    def _stand(self) -> Iterator[float]:
        """Hold what the next response that the server begins may cost."""
        guard = self._calls.guard
        if guard is None or self._open or not answers_by_itself(self._session):
            return
        now = self._calls.clock()
        if self._standing is not None:
            if now - self._standing[1] < guard.ttl / 2:
                return
            self._give_back()
        payers = self._calls.payers
        admission = payers.admission(self._request(self._model), payers.payer(self._here), self._here)
        if admission is not None:
            yield from admission.admit(realtime_bound(self._session))
            self._standing = (admission, now)

    def _give_back(self) -> None:
        standing, self._standing = self._standing, None
        if standing is not None:
            standing[0].attempt_over(billed=False)

    def not_sent(self, error: BaseException) -> None:
        """The last message did not leave."""
        if (turn := self._sent) is not None:
            self._forget(turn)
            turn.call.attempt_over(billed=False)
            turn.call.fail(error)

    def received(self, message: object) -> None:
        """The server sent a message."""
        with contained("openai"):
            raw = message.encode() if isinstance(message, str) else message
            found = json.loads(raw) if isinstance(raw, bytes) else None
            if isinstance(found, dict) and isinstance(raw, bytes):
                here = scope.Held(self._here)
                try:
                    self._take(found, str(found.get("type")), raw)
                finally:
                    here.release()

    def _take(self, found: Mapping[str, Any], kind: str, raw: bytes) -> None:
        if kind in ("session.created", "session.updated", "transcription_session.updated"):
            self._session = mapping(found.get("session"))
            self._model = text(self._session.get("model")) or self._model
        elif kind == _TRANSCRIBED:
            self._transcribed(found)
        elif kind == "error" and self._kind == "realtime":
            self._not_begun(mapping(found.get("error")))
        elif turn := self._turn(found, kind):
            turn.call.first_chunk()
            turn.reader.take(found, raw)
            if turn.reader.final or turn.reader.error is not None:
                self._done(turn)

    def _turn(self, found: Mapping[str, Any], kind: str) -> Turn | None:
        """The response that an event belongs to. Over the Responses API there is one at a time."""
        if self._kind == "responses":
            return self._asked[0] if self._asked else None
        name = text(found.get("response_id")) or text(mapping(found.get("response")).get("id"))
        if name is None:
            return None
        if name not in self._open and kind in ("response.created", "response.done"):
            self._open[name] = self._asked.popleft() if self._asked else self._by_server()
        return self._open.get(name)

    def _by_server(self) -> Turn:
        """The server began a response by itself: what was held for that is its hold."""
        call = self._begin()
        if self._standing is not None:
            call.admission, self._standing = self._standing[0].told(call.span), None
        return Turn(call, RealtimeTurn(self._length))

    def _done(self, turn: Turn) -> None:
        self._forget(turn)
        if turn.reader.error is not None:
            turn.call.fail(turn.reader.error, turn.reader.partial(turn.call.elapsed))
            return
        answer = turn.reader.answer()
        self._length = read_so_far(answer.usage) or self._length
        turn.call.succeed(answer)

    def _forget(self, turn: Turn) -> None:
        if turn in self._asked:
            self._asked.remove(turn)
        self._open = {name: one for name, one in self._open.items() if one is not turn}

    def _not_begun(self, error: Mapping[str, Any]) -> None:
        """An error answers something that was sent: what asked for a response by that name, or the first that did."""
        name = text(error.get("event_id"))
        turn = next((one for one in self._asked if name in (None, one.event)), None)
        if turn is None:
            return
        self._forget(turn)
        turn.call.attempt_over(billed=False)
        turn.call.fail(ProviderError(error, text(error.get("code")) or text(error.get("type")) or "error"))

    def _transcribed(self, found: Mapping[str, Any]) -> None:
        """What the user said was written down: by another model, and paid for by itself."""
        usage, model = transcribed(found), transcriber(self._session)
        if usage is not None:
            self._calls.start(self._request(model, "transcription")).succeed(Answer(usage))

    def closed(self, error: BaseException | None = None) -> None:
        """The connection is over: what was under way was worked on, and nobody will say how much."""
        with contained("openai"):
            self._give_back()
            for turn in [*self._open.values(), *self._asked]:
                left = turn.reader.partial(turn.call.elapsed)
                if error is None:
                    turn.call.succeed(left)
                else:
                    turn.call.fail(error, left)
            self._open.clear()
            self._asked.clear()
