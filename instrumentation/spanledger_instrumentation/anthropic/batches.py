"""Message batches: what one holds when it is submitted, and what its results say."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from spanledger.bound import Bound
from spanledger.call import Calls
from spanledger.messages import Request
from spanledger_instrumentation.anthropic.bound import bound
from spanledger_instrumentation.anthropic.request import Endpoint, provider, request
from spanledger_instrumentation.anthropic.usage import read_usage
from spanledger_instrumentation.clients import batches
from spanledger_instrumentation.clients.batches import Result
from spanledger_instrumentation.clients.shapes import mapping, mappings, text
from spanledger_instrumentation.clients.sizes import size
from spanledger_instrumentation.clients.whom import whom


class Submission(batches.Submission):
    """A batch of messages is submitted: its requests are in the body."""

    library: ClassVar[str] = "anthropic"

    def __init__(self, calls: Calls, client: Any, args: tuple[Any, ...], found: Endpoint) -> None:
        super().__init__(calls, args)
        self._endpoint = found
        self._whom = whom(client, provider)

    def wanted(self, args: tuple[Any, ...]) -> Mapping[str | None, Sequence[Bound]]:
        """The worst cases of its requests. The client has drawn up the body by now."""
        found: defaultdict[str | None, list[Bound]] = defaultdict(list)
        for one in mappings(mapping(args[0].json_data).get("requests")):
            params = mapping(one.get("params"))
            found[text(params.get("model"))].append(bound(params, size(params)))
        return found

    def request(self, model: str | None) -> Request:
        """What is asked of a model."""
        return request(self._endpoint, {"model": model}, self._whom, stream=False)

    def submitted(self, body: bytes) -> str | None:
        """The id of the batch."""
        return text(mapping(json.loads(body)).get("id"))


class Results(batches.Results):
    """The results of a batch of messages."""

    library: ClassVar[str] = "anthropic"

    def __init__(self, calls: Calls, client: Any, args: tuple[Any, ...], found: Endpoint) -> None:
        super().__init__(calls, args)
        self._endpoint = found
        self._whom = whom(client, provider)

    @property
    def batch(self) -> str | None:
        """The id of the batch, out of the path."""
        return self._endpoint.batch

    def line(self, raw: bytes) -> Result | None:
        """One result."""
        try:
            found = mapping(json.loads(raw))
        except ValueError:
            return None
        message = mapping(mapping(found.get("result")).get("message"))
        name, usage = text(found.get("custom_id")), read_usage(message.get("usage"))
        if name is None or usage is None:
            return None
        return Result(f"line:{self.batch}/{name}", "chat", text(message.get("model")) or "", usage)

    def request(self, operation: str, model: str | None) -> Request:  # noqa: ARG002  messages are chat
        """What was asked of a model."""
        return request(self._endpoint, {"model": model}, self._whom, stream=False)
