"""Calls that end before it is known what they used, and the calls that learn of it."""

from __future__ import annotations

from dataclasses import replace

from opentelemetry import trace

from spanledger.call import Call, Calls
from spanledger.messages import Request
from spanledger.pending import LIVES, Pending


def deferred(call: Call) -> Pending:
    """What whoever learns how this call ended must know. Its hold lives on; it is charged where nobody ever does."""
    model = call.request.model
    held = None if call.admission is None else call.admission.defer(LIVES)
    holds = () if held is None else ((model or "", held),)
    return Pending(call.payer, model, call.span.get_span_context(), holds)


def resumed(calls: Calls, request: Request, pending: Pending) -> Call:
    """The call that learns of it: linked to the one that began the work, paid by the same, with its hold.

    It has one at most; of a batch, that is the one for the model that this call is about.
    """
    links = () if pending.span is None else (trace.Link(pending.span),)
    call = calls.start(replace(request, links=links), pending.payer)
    if call.admission is not None and pending.holds:
        [(_, held)] = pending.holds
        call.admission.resume(held)
    return call
