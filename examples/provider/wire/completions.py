"""Legacy completions."""

from __future__ import annotations

from collections.abc import Iterator

from provider import tokens
from provider.content.compose import Said, compose
from provider.content.talk import Talk, Turn
from provider.desk import Ask, Desk, Reply
from provider.errors import ApiError, Json
from provider.usage import Tokens
from provider.wire import blocks
from provider.wire.chat import stops
from provider.wire.embeddings import given_texts

DEFAULT_CAP = 16  # the documented default of `max_tokens` on this endpoint


def answer(ask: Ask, desk: Desk) -> Reply:
    """The reply to `POST completions`: `n` answers to each prompt."""
    body = ask.body
    if body.get("prompt") is None:
        raise ApiError(400, "Missing required parameter: 'prompt'.", param="prompt")
    usage, said = Tokens(), []
    for at, text in enumerate(given_texts(body["prompt"])):
        talk = Talk((Turn("", text),), cap=body.get("max_tokens") or DEFAULT_CAP, stop=stops(body.get("stop")))
        keys = [f"{ask.id}#{at}.{n}" for n in range(body.get("n") or 1)]
        answers = [compose(talk, ask.model, "none", ask.wish, key) for key in keys]
        said += answers
        usage += desk.meter(ask, talk, answers)
    frame = _frame(ask)
    choices = [_choice(index, one.text, one.finish) for index, one in enumerate(said)]
    return Reply(
        body=frame | {"choices": choices, "usage": blocks.chat_usage(usage)},
        usage=usage,
        events=_events(ask, frame, said, usage) if body.get("stream") else None,
        closing=True,
    )


def _frame(ask: Ask) -> Json:
    return {
        "id": f"cmpl-{ask.id}",
        "object": "text_completion",
        "created": ask.created,
        "model": ask.model.dated,
        "system_fingerprint": blocks.fingerprint(ask),
    }


def _choice(index: int, text: str, reason: str | None) -> Json:
    return {"text": text, "index": index, "logprobs": None, "finish_reason": reason}


def _events(ask: Ask, frame: Json, said: list[Said], usage: Tokens) -> Iterator[Json]:
    asked = bool((ask.body.get("stream_options") or {}).get("include_usage"))
    frame = frame | ({"usage": None} if asked else {})
    for index, one in enumerate(said):
        for piece in tokens.pieces(one.text):
            yield frame | {"choices": [_choice(index, piece, None)]}
        yield frame | {"choices": [_choice(index, "", one.finish)]}
    if asked:
        yield frame | {"choices": [], "usage": blocks.chat_usage(usage)}
