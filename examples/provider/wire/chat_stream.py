"""Chat completions as a stream, chunk by chunk as the provider sends them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, zip_longest

from provider import tokens
from provider.content.compose import Said
from provider.desk import Ask
from provider.errors import Json
from provider.usage import Tokens
from provider.wire import blocks


def events(ask: Ask, said: list[Said], usage: Tokens) -> Iterator[Json]:
    """The chunks: on Azure first the prompt's filter results; the answers; the usage if it was asked for."""
    options = ask.body.get("stream_options") or {}
    asked = bool(options.get("include_usage"))
    hidden = options.get("include_obfuscation") is not False and not ask.azure
    frame = _frame(ask) | ({"usage": None} if asked else {})
    if ask.azure:
        yield _azure_opening()
    for index, delta, reason in _together([_deltas(at, one) for at, one in enumerate(said)]):
        choice: Json = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
        if ask.azure:
            choice["content_filter_results"] = blocks.FILTERED if delta.get("content") else {}
        yield frame | {"choices": [choice]} | ({"obfuscation": _padding(delta)} if hidden else {})
    if asked:
        last = frame | {"choices": [], "usage": blocks.chat_usage(usage)}
        yield last | ({"obfuscation": ""} if hidden else {})


_Step = tuple[int, Json, str | None]


def _deltas(index: int, said: Said) -> Iterator[_Step]:
    """One answer: the role first, then the text or the calls, then the reason why it ends."""
    opening: Json = {"role": "assistant", "content": None if said.calls else "", "refusal": None}
    calls = [_called(at, said) for at in range(len(said.calls))]
    if len(calls) == 1:  # a single call opens in the chunk that brings the role
        opening = {**opening, **next(calls[0])}
    yield index, opening, None
    for delta in chain(*calls):
        yield index, delta, None
    for piece in tokens.pieces(said.text):
        yield index, {"content": piece}, None
    yield index, {}, said.finish


def _called(at: int, said: Said) -> Iterator[Json]:
    call = said.calls[at]
    opening = {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": ""}}
    yield {"tool_calls": [{"index": at, **opening}]}
    for piece in tokens.pieces(call.arguments):
        yield {"tool_calls": [{"index": at, "function": {"arguments": piece}}]}


def _together(choices: list[Iterator[_Step]]) -> Iterable[_Step]:
    """Several answers interleaved, as they are generated."""
    return (step for steps in zip_longest(*choices) for step in steps if step is not None)


def _frame(ask: Ask) -> Json:
    return {
        "id": f"chatcmpl-{ask.id}",
        "object": "chat.completion.chunk",
        "created": ask.created,
        "model": ask.model.dated,
        "service_tier": blocks.service_tier(ask),
        "system_fingerprint": blocks.fingerprint(ask),
    }


def _azure_opening() -> Json:
    empty = {"id": "", "object": "", "created": 0, "model": ""}
    return empty | {"choices": [], "prompt_filter_results": blocks.PROMPT_FILTERED}


def _padding(delta: Json) -> str:
    return blocks.padding(str(delta.get("content") or ""))
