"""Reads answers of Cohere: both versions of chat, streamed as events or lines, embeddings, and reranking.

Cohere counts all tokens, its own preamble and markup among them, and bills fewer: `billed_units`
(https://docs.cohere.com/docs/how-does-cohere-pricing-work). Both are kept, and the billed ones are charged. Cached
tokens are part of the tokens that it counts.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanledger.usage import Units, Usage, count
from spanledger_instrumentation.clients.counts import number, usable
from spanledger_instrumentation.clients.shapes import mapping, mappings, text
from spanledger_instrumentation.dialects.reading import Dialect, Seen


def usage(block: Mapping[str, Any]) -> Usage | None:
    """The tokens and billed units of a `usage` (version 2) or `meta` (version 1)."""
    billed, tokens = mapping(block.get("billed_units")), mapping(block.get("tokens"))
    paid_in, paid_out = number(billed, "input_tokens"), number(billed, "output_tokens")
    tokens_in, tokens_out = number(tokens, "input_tokens"), number(tokens, "output_tokens")
    units = Units(
        billed_input=None if tokens_in is None else paid_in,
        billed_output=None if tokens_out is None else paid_out,
        search_units=count(billed.get("search_units")),
    )
    found = (tokens_in, tokens_out, paid_in, paid_out)
    if found == (None, None, None, None) and not units.search_units:
        return None
    return usable(
        Usage(
            input=(paid_in if tokens_in is None else tokens_in) or 0,
            output=(paid_out if tokens_out is None else tokens_out) or 0,
            cache_read=count(block.get("cached_tokens")),
        ),
        units,
    )


def note(seen: Seen, found: Mapping[str, Any]) -> None:
    """Read an answer, or an event of a streamed one."""
    kind = text(found.get("type")) or text(found.get("event_type"))
    whole = mapping(found.get("response")) or found
    delta = mapping(found.get("delta"))
    seen.count(delta.get("usage") or whole.get("usage") or whole.get("meta"))
    seen.id = text(whole.get("id")) or text(whole.get("response_id")) or text(whole.get("generation_id")) or seen.id
    seen.complete = seen.complete or kind in ("message-end", "stream-end")
    reason = delta.get("finish_reason") or whole.get("finish_reason")
    seen.finish(reason)
    if str(reason).startswith("ERROR"):
        seen.fail(delta.get("error") or found, reason)
    if kind != "stream-end":  # which says everything once more
        _message(seen, mapping(delta.get("message")) or mapping(whole.get("message")))
        seen.say(whole.get("text"))
    for call in mappings(whole.get("tool_calls")):
        seen.call(call.get("name"))


def _message(seen: Seen, message: Mapping[str, Any]) -> None:
    """A message of version 2, or a piece of one, where lists may be single objects."""
    contents, calls = message.get("content"), message.get("tool_calls")
    for piece in mappings(contents if isinstance(contents, list) else [contents]):
        seen.say(piece.get("text"), piece.get("thinking"))
    for call in mappings(calls if isinstance(calls, list) else [calls]):
        function = mapping(call.get("function"))
        seen.call(function.get("name"))
        seen.say(function.get("arguments"))
    seen.say(message.get("tool_plan"))


def asked(body: Mapping[str, Any]) -> dict[str, Any]:
    """The prompt and cap of a request."""
    keys = ("messages", "message", "preamble", "chat_history", "documents", "tools", "texts", "inputs", "prompt")
    return {"prompt": [body.get(key) for key in keys], "max_tokens": body.get("max_tokens")}


COHERE = Dialect(note, usage, asked)
