"""One logical call of the Anthropic client, from `request` to the end of its answer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from spanledger.admission import Cut
from spanledger.bound import Bound
from spanledger.call import Calls
from spanledger.errors import contained
from spanledger.stream import EventTap, Tap
from spanledger_instrumentation.anthropic import content
from spanledger_instrumentation.anthropic.answer import PlainReader
from spanledger_instrumentation.anthropic.bound import bound, with_model
from spanledger_instrumentation.anthropic.events import MessageEvents
from spanledger_instrumentation.anthropic.frames import FrameTap
from spanledger_instrumentation.anthropic.request import Endpoint, provider, request, wants_json
from spanledger_instrumentation.clients.exchange import Metered
from spanledger_instrumentation.clients.limits import RateLimits
from spanledger_instrumentation.clients.whom import whom


def _body(options: Any) -> dict[str, Any]:
    """The JSON that will be sent: the method's own arguments under what `extra_body` adds.

    What may be read only once (an iterator of messages) is passed over by all who read the body.
    """
    own = options.json_data if isinstance(options.json_data, Mapping) else {}
    extra = options.extra_json if isinstance(options.extra_json, Mapping) else {}
    return {**own, **extra}


class MessageExchange(Metered):
    """A call for a message."""

    library: ClassVar[str] = "anthropic"
    limits: ClassVar[RateLimits] = RateLimits.spelled(
        b"anthropic-ratelimit-", b"requests-limit", b"tokens-limit", b"requests-remaining", b"tokens-remaining"
    )

    def __init__(self, calls: Calls, client: Any, args: tuple[Any, ...], options: Any, found: Endpoint) -> None:
        body = _body(options)
        streams = found.stream or body.get("stream") is True
        asked = request(found, body, whom(client, provider, options.headers), stream=streams)
        super().__init__(calls, args, body, asked)

    def attempt_begins(self, args: tuple[Any, ...]) -> None:
        """An HTTP attempt. The client has drawn up the body by now; middleware may have changed it."""
        super().attempt_begins(args)
        with contained("anthropic"):
            self.body = _body(args[0])

    def bound(self, size: int | None) -> Bound:
        """The worst case of the request."""
        return bound(self.body, size)

    def alter(self, cut: Cut) -> None:
        """Ask another model, in a copy of the options. A cap there always is."""
        if cut.model is not None:
            self.args = (self.args[0], with_model(self.args[1], cut.model), *self.args[2:])

    def prompt(self, body: Mapping[str, Any]) -> dict[str, str]:
        """What was asked, as attributes."""
        return content.asked(body)

    def wants_json(self) -> bool:
        """Whether the answer was asked for as JSON."""
        return wants_json(self.body)

    def plain(self) -> PlainReader:
        """Reads an answer that comes as one body."""
        return PlainReader(self.body, capture=self.capture)

    def events(self, content_type: str) -> Tap | None:
        """Reads an answer that comes in events, Bedrock's frames among them; None if it is none."""
        if "text/event-stream" in content_type:
            return EventTap(self.call, MessageEvents(self.body, capture=self.capture))
        if "vnd.amazon.eventstream" in content_type:
            return FrameTap(self.call, MessageEvents(self.body, capture=self.capture))
        return None
