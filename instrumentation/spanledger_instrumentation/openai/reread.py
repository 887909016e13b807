"""A response made in the background, read again: the reading that brings its usage becomes the metered call."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import TracebackType
from typing import Any

from opentelemetry import trace

from spanledger.call import Call, Calls
from spanledger.errors import contained
from spanledger_instrumentation.openai.answer import PENDING, PlainReader
from spanledger_instrumentation.openai.background import Background
from spanledger_instrumentation.openai.exchange import CURRENT, Exchange, whom
from spanledger_instrumentation.openai.request import Endpoint, request
from spanledger_instrumentation.openai.shapes import mapping


class Reread(Exchange):
    """A response made in the background, read again. Only the reading that brings its usage becomes a call."""

    call: Call

    def __init__(
        self, calls: Calls, background: Background, client: Any, args: tuple[Any, ...], found: Endpoint
    ) -> None:
        self._endpoint = found
        self._background = background
        self._calls = calls
        self._client = client
        self.args = args
        self.asked = False
        self.body = {}

    def __enter__(self) -> Reread:
        self._token = CURRENT.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> None:
        CURRENT.reset(self._token)

    @contextmanager
    def attempt(self) -> Iterator[None]:
        """An attempt to read again; it costs nothing."""
        yield

    def received(self, response: Any, *, streamed: bool) -> None:
        """The response as it stands now; if it is done, its usage is metered."""
        if streamed or response.status_code >= 300:
            return
        with contained("openai"):
            found = json.loads(response.content)
            if mapping(found).get("status") in PENDING or not mapping(found).get("usage"):
                return
            created = self._background.take(self._endpoint.retrieved or "")
            if created is None:
                return
            span, model = created
            asked = request(self._endpoint, {"model": model}, *whom(self._client), stream=False)
            call = self._calls.start(replace(asked, links=(trace.Link(span),)))
            call.succeed(PlainReader("responses", {}).parsed(found))
