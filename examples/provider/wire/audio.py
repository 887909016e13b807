"""Audio: transcriptions and translations into text, and speech. What it sounds like is nobody's business here.

Models whose name says `gpt` are billed by tokens and tell them; others by the second or the character.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator

from provider.desk import Ask, Desk, Reply
from provider.errors import ApiError, Json
from provider.framing import AUDIO, PLAIN, SSE
from provider.usage import Tokens

#: Bytes of the audio that count as a second of it, and tokens of a second.
_SECOND, _TOKENS = 1_000, 10


def transcribe(ask: Ask, desk: Desk) -> Reply:  # noqa: ARG001 - every endpoint is called alike
    """The reply to `POST audio/transcriptions` and `audio/translations`."""
    audio = ask.files.get("file")
    if audio is None:
        raise ApiError(400, "'file' is a required property", param="file")
    heard = " ".join(["word"] * (ask.wish.output or 8))
    wanted = ask.body.get("response_format", "json")
    by_tokens = "gpt" in ask.model.asked
    seconds = len(audio) / _SECOND
    usage = Tokens(input=ask.wish.input or int(seconds * _TOKENS), output=ask.wish.output or 8) if by_tokens else None
    if wanted in ("text", "srt", "vtt"):
        return Reply({}, usage, [_raw(heard.encode())], PLAIN)
    told = _tokens(usage) if usage else {"type": "duration", "seconds": seconds}
    body: Json = {"text": heard, "usage": told}
    if wanted == "verbose_json":
        body |= {"task": "transcribe", "language": "english", "duration": seconds, "segments": []}
    return Reply(body, usage or Tokens(), _transcript(heard, told) if ask.body.get("stream") is True else None)


def _tokens(usage: Tokens) -> Json:
    details = {"audio_tokens": usage.input, "text_tokens": 0}
    total = usage.input + usage.output
    told = {"input_tokens": usage.input, "output_tokens": usage.output, "total_tokens": total}
    return {"type": "tokens", **told, "input_token_details": details}


def _transcript(heard: str, told: Json) -> Iterator[Json]:
    for word in heard.split(" "):
        yield {"type": "transcript.text.delta", "delta": f"{word} "}
    yield {"type": "transcript.text.done", "text": heard, "usage": told}


def speak(ask: Ask, desk: Desk) -> Reply:  # noqa: ARG001 - every endpoint is called alike
    """The reply to `POST audio/speech`."""
    sound = str(ask.body["input"]).encode()[:64].ljust(64, b"~")
    usage = Tokens(input=ask.wish.input or len(str(ask.body["input"])) // 4, output=ask.wish.output or 50)
    if ask.body.get("stream_format") == "sse":
        return Reply({}, usage, _speech(sound, usage), SSE)
    return Reply({}, usage, [_raw(sound[:32]), _raw(sound[32:])], AUDIO)


def _speech(sound: bytes, usage: Tokens) -> Iterator[Json]:
    yield {"type": "speech.audio.delta", "audio": base64.b64encode(sound).decode()}
    total = usage.input + usage.output
    told = {"input_tokens": usage.input, "output_tokens": usage.output, "total_tokens": total}
    yield {"type": "speech.audio.done", "usage": told}


def _raw(content: bytes) -> Json:
    return {"bytes": base64.b64encode(content).decode()}
