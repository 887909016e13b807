"""One request of a client, from the choke point to the end of its answer."""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from dataclasses import replace
from types import TracebackType
from typing import Any, ClassVar

from spanledger.admission import UNCUT, Cut
from spanledger.bound import Bound
from spanledger.call import Call, Calls
from spanledger.errors import Refused, contained, type_name
from spanledger.messages import NOTHING, Answer, Request
from spanledger.semconv import names
from spanledger.stream import BodyReader, BodyTap, Tap
from spanledger.tapping import tap_response
from spanledger_instrumentation.clients.answers import ProviderError
from spanledger_instrumentation.clients.billing import billed, billed_status
from spanledger_instrumentation.clients.limits import RateLimits
from spanledger_instrumentation.clients.sizes import ADDED, bytes_of, size

#: The request whose HTTP attempts are being made here, whichever client makes them.
CURRENT: ContextVar[Exchange | None] = ContextVar("spanledger_exchange", default=None)


class Exchange:
    """A request of a client, entered for as long as the client makes attempts. As it stands it meters nothing.

    Whoever wraps the client tells it of each HTTP attempt: that it begins, and that it failed or was answered.
    """

    #: An answer is here. A further attempt is no retry but a request of its own (the client's middleware makes such).
    answered = False

    def __init__(self, args: tuple[Any, ...]) -> None:
        #: What the client's `request` is called with; options in it that we alter are a copy.
        self.args = args
        #: What the app was handling when it made the request, or its client when it made the attempt.
        self._handled = sys.exception()

    def __enter__(self) -> Exchange:
        self._outer = CURRENT.get()
        CURRENT.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        if CURRENT.get() is self:  # a coroutine closed by somebody else leaves in a foreign context
            CURRENT.set(self._outer)

    def prepare(self) -> None:
        """The request is about to be made: the last moment at which it can be altered, in a copy.

        Raises:
            Refused: a budget does not let it go as it is.
        """

    def admission(self, args: tuple[Any, ...]) -> Iterator[float]:  # noqa: ARG002  what an attempt is made with
        """Leave for an HTTP attempt; yields seconds to sleep while it is not given and there is hope.

        Raises:
            Refused: a budget has no room for it.
        """
        return iter(())

    def attempt_begins(self, args: tuple[Any, ...]) -> None:
        """An HTTP attempt is about to be made, with these arguments of the client's inner method."""

    def attempt_failed(self, error: BaseException) -> None:
        """The attempt got no answer."""

    def attempt_answered(self, response: Any, *, streamed: bool) -> None:
        """The head of an answer is here, and its body too unless it is streamed."""

    def again(self, error: Exception) -> bool:  # noqa: ARG002  for those who alter requests
        """Whether the request is to be made once more, because what we altered in it is what the error is about."""
        return False

    def got_through(self) -> None:
        """The request was answered, at once or when it was made again."""


class Metered(Exchange, ABC):
    """A request that makes a model work: a call together with what its answers are read by."""

    #: What our own failures are counted under.
    library: ClassVar[str]
    #: How the provider spells its rate limits.
    limits: ClassVar[RateLimits]

    def __init__(self, calls: Calls, args: tuple[Any, ...], body: dict[str, Any], asked: Request) -> None:
        super().__init__(args)
        #: The JSON that is sent.
        self.body = body
        self.capture = calls.settings.capture_content == "span"
        if self.capture:
            asked = replace(asked, attributes={**asked.attributes, **self.prompt(body)})
        self.call: Call = calls.start(asked)
        self.answer: Answer | None = None
        self._attempts = 0
        self._failure: tuple[str, int | None] | None = None
        self._handed_over = False

    @abstractmethod
    def prompt(self, body: Mapping[str, Any]) -> dict[str, str]:
        """What was asked, as attributes."""

    @abstractmethod
    def plain(self) -> BodyReader:
        """Reads an answer that comes as one body."""

    @abstractmethod
    def events(self, content_type: str) -> Tap | None:
        """Reads an answer that comes in events; None if it is none."""

    @abstractmethod
    def wants_json(self) -> bool:
        """Whether the answer was asked for as JSON."""

    @abstractmethod
    def bound(self, size: int | None) -> Bound:
        """The worst case of the request, whose body has so many bytes."""

    @abstractmethod
    def alter(self, cut: Cut) -> None:
        """Put another model or a cap into the request."""

    def prepare(self) -> None:
        """Let the budgets say what must be different."""
        admission = self.call.admission
        if admission is None:
            return
        cut = admission.cut(self._bound(None, ADDED), fixed="model" not in self.body)
        if cut.model is not None:
            self.call.ask_instead(cut.model)
        if cut != UNCUT:
            self.alter(cut)

    def admission(self, args: tuple[Any, ...]) -> Iterator[float]:
        """Leave from the budgets, for the request as it is sent."""
        admission = self.call.admission
        return iter(()) if admission is None else admission.admit(self._bound(bytes_of(args[0]) if args else None))

    def _bound(self, sent: int | None, added: int = 0) -> Bound:
        """The worst case; where we fail to read it, one that only limits of the model bound."""
        with contained(self.library):
            return self.bound(size(self.body) + added if sent is None else sent)
        return Bound(None, None, passes=None)

    def __enter__(self) -> Metered:
        super().__enter__()
        self._active = self.call.active()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        self._active.release()
        super().__exit__(kind, error, trace_back)
        if error is not None:
            left = NOTHING
            with contained(self.library):
                left = self._of_failed(error)
            self.call.fail(error, left)
        elif not self._handed_over:
            self._end()

    def _end(self) -> None:
        if self.answer is None and self._failure is not None:  # an attempt that nobody asked again after
            self.call.fail(ProviderError(f"HTTP {self._failure[0]}", self._failure[0]))
            return
        with contained(self.library):
            self.complete()
        self.call.succeed(self.answer or NOTHING)

    def complete(self) -> None:
        """The app gets its answer now, in one piece."""

    def _of_failed(self, error: BaseException) -> Answer:
        """What the app's error leaves to be paid: a whole answer that could not be parsed, or a request given up."""
        if self.answer is not None:
            attributes = dict(self.answer.attributes)
            if self.wants_json() and isinstance(error, Exception):
                attributes[names.SPANLEDGER_RESPONSE_SCHEMA_VALID] = False
            return replace(self.answer, attributes=attributes)
        if isinstance(error, (Exception, Refused)) or self._attempts == 0:
            return NOTHING
        return self.plain().partial(self.call.elapsed)

    def attempt_begins(self, args: tuple[Any, ...]) -> None:  # noqa: ARG002  subclasses read the request as it is sent
        """An HTTP attempt; that the one before it failed is told now that another follows."""
        self._attempts += 1
        self._handled = sys.exception()
        if self._failure is not None:
            self.call.attempt_failed(self._attempts - 1, *self._failure)
            self._failure = None

    def attempt_failed(self, error: BaseException) -> None:
        """The attempt got no answer."""
        self._failure = (type_name(error), None)
        self.call.attempt_over(billed=billed(error, self._handled))

    def attempt_answered(self, response: Any, *, streamed: bool) -> None:
        """The head of an answer is here, and its body too unless it is streamed."""
        self.call.limits(self.limits.read(response.headers))
        if response.status_code >= 300:
            self._failure = (str(response.status_code), response.status_code)
            self.call.attempt_over(billed=billed_status(response.status_code))
        elif streamed:
            content_type = response.headers.get("content-type", "").lower()
            tap = self.events(content_type) or BodyTap(self.call, self.plain())
            tap_response(response, tap, self.call.calls)
            self.answered = self._handed_over = True
        else:
            self.answer = self.plain().whole(response.content)
            self.answered = True
