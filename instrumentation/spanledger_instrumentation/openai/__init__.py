"""The OpenAI SDK, at its one choke point."""

from __future__ import annotations

from collections import defaultdict
from typing import Any, ClassVar

from spanledger.call import Calls
from spanledger_instrumentation.clients.adapter import ClientAdapter
from spanledger_instrumentation.clients.exchange import Exchange
from spanledger_instrumentation.openai import background, sockets, unmetered
from spanledger_instrumentation.openai.batches import Look, Results, Submission, Upload
from spanledger_instrumentation.openai.exchange import MediaExchange, OpenAIExchange
from spanledger_instrumentation.openai.media import MEDIA
from spanledger_instrumentation.openai.request import Step, batch_step, endpoint
from spanledger_instrumentation.openai.reread import Reread


class OpenAIAdapter(ClientAdapter):
    """Meters the OpenAI client and everything that is built on it."""

    library: ClassVar[str] = "openai"
    base: ClassVar[str] = "openai._base_client"
    attempt: ClassVar[str] = "_send_request"

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        #: Fields that we add and servers refuse, by host and port.
        self._refused: defaultdict[tuple[str, int | None], set[str]] = defaultdict(set)

    def install(self) -> None:
        """Wrap the client's methods, and the sessions that it has over websockets."""
        super().install()
        for prefix in ("", "Async"):
            for module, name, kind in sockets.METERED:
                self.wrap(module, f"{prefix}{name}.__init__", sockets.metered(self.calls, kind), required=False)
            for module, name in sockets.UNMETERED:
                self.wrap(module, f"{prefix}{name}.__init__", sockets.unmetered(self.calls), required=False)

    def exchange(self, client: Any, args: tuple[Any, ...]) -> Exchange | None:
        """The exchange for a request of the client, None if it asks no model to work or cannot be understood."""
        with self.understanding:
            method, url = args[1].method, str(args[1].url)
            unmetered.refuse(self.calls, client, method, url)
            found = endpoint(method, url)
            if found is None:
                return self._filed(client, args, batch_step(method, url))
            if found.retrieved is None:
                kind = MediaExchange if found.api in MEDIA else OpenAIExchange
                return kind(self.calls, client, args, found, self._refused)
            if background.waiting(self.calls, found.retrieved):
                return Reread(self.calls, client, args, found)
        return None

    def _filed(self, client: Any, args: tuple[Any, ...], step: tuple[Step, str] | None) -> Exchange | None:
        """The exchange for a request that belongs to a batch of the files API."""
        match step:
            case "upload", _ if self.calls.guard is not None:
                return Upload(self.calls, args)
            case "submit", _:
                return Submission(self.calls, client, args)
            case "look", _:
                return Look(self.calls, client, args)
            case "results", file:
                return Results(self.calls, client, args, file)
        return None

    def received(self, result: Any, kwargs: dict[str, Any]) -> tuple[Any, bool]:
        """The response in what an attempt returned, and whether its body is still to come."""
        return result, bool(kwargs.get("stream"))
