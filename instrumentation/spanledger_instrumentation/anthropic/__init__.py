"""The Anthropic SDK, at its one choke point: its own API, Bedrock's and Vertex's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from spanledger_instrumentation.anthropic.batches import Results, Submission
from spanledger_instrumentation.anthropic.exchange import MessageExchange
from spanledger_instrumentation.anthropic.request import endpoint
from spanledger_instrumentation.clients.adapter import ClientAdapter
from spanledger_instrumentation.clients.exchange import CURRENT, Exchange, Metered


class AnthropicAdapter(ClientAdapter):
    """Meters the Anthropic client and everything that is built on it."""

    library: ClassVar[str] = "anthropic"
    base: ClassVar[str] = "anthropic._base_client"
    attempt: ClassVar[str] = "_attempt_request"

    def install(self) -> None:
        """Wrap the client's methods, and where it makes a span of its own for a call."""
        super().install()
        self.wrap(self.base, "start_api_call_span", self._own_span, required=False)

    def exchange(self, client: Any, args: tuple[Any, ...]) -> Exchange | None:
        """The exchange for a request of the client, None if it asks no model to work or cannot be understood."""
        return self._exchange(client, args, args[1])

    def lone(self, client: Any, args: tuple[Any, ...]) -> Exchange | None:
        """The exchange for an attempt that belongs to no request: middleware asks another model after a refusal."""
        return self._exchange(client, args, args[0]) if args else None

    def _exchange(self, client: Any, args: tuple[Any, ...], options: Any) -> Exchange | None:
        with self.understanding:
            found = endpoint(options.method, str(options.url))
            if found is None:
                return None
            if found.api == "messages":
                return MessageExchange(self.calls, client, args, options, found)
            if found.api == "batches":
                return Submission(self.calls, client, args, found)
            return Results(self.calls, client, args, found)
        return None

    def received(self, result: Any, kwargs: dict[str, Any]) -> tuple[Any, bool]:
        """The response in what an attempt returned, and whether its body is still to come."""
        response = result[0]
        return response, bool(kwargs.get("stream")) or not response.is_closed

    @staticmethod
    def _own_span(wrapped: Callable[..., Any], _module: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The client (from 1.14 on) makes a span of each call itself: below ours there is none.

        Its tokens would be covered by the span of our call, but whoever counts failed spans would count a call twice.
        """
        return None if isinstance(CURRENT.get(), Metered) else wrapped(*args, **kwargs)
