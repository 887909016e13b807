"""Responses that are made in the background: their usage is known only when they are read again, here or elsewhere."""

from __future__ import annotations

from spanledger.call import Call, Calls
from spanledger.later import deferred
from spanledger.pending import Pending


def created(call: Call, response_id: str) -> None:
    """A response was created without usage."""
    call.calls.remembered.put(_key(response_id), deferred(call).text)


def waiting(calls: Calls, response_id: str) -> bool:
    """Whether the usage of a response is still to come."""
    return calls.remembered.peek(_key(response_id)) is not None


def take(calls: Calls, response_id: str) -> Pending | None:
    """What is known of a response, once: whoever takes it meters the usage."""
    return Pending.of(calls.remembered.take(_key(response_id)))


def _key(response_id: str) -> str:
    return f"response:{response_id}"
