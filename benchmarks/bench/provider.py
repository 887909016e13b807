"""A model provider inside the process: an HTTP transport that answers at once, so that no socket noise counts.

Its answers are streams that are read piece by piece, as from a socket; none is preloaded. OpenAI's client 3 sits on
httpx2 and client 2 on httpx; the two have the same classes.
"""

from __future__ import annotations

import base64
import importlib
import importlib.util
import json
import struct
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx2 as http
else:
    http = importlib.import_module("httpx2" if importlib.util.find_spec("httpx2") else "httpx")

CHAT_MODEL, EMBEDDING_MODEL = "gpt-4o-mini", "text-embedding-3-small"
CHUNKS, FLOATS = 50, 1536
#: Words of the request and of the answer; a span that holds them has captured content.
ASKED, ANSWERED = "course in linear algebra", "matrix decompositions"

_HEADERS = [
    (b"date", b"Sat, 21 Nov 2026 12:00:00 GMT"),
    (b"openai-organization", b"bench"),
    (b"openai-processing-ms", b"412"),
    (b"openai-version", b"2020-10-01"),
    (b"x-ratelimit-limit-requests", b"10000"),
    (b"x-ratelimit-limit-tokens", b"2000000"),
    (b"x-ratelimit-remaining-requests", b"9999"),
    (b"x-ratelimit-remaining-tokens", b"1999850"),
    (b"x-ratelimit-reset-requests", b"6ms"),
    (b"x-ratelimit-reset-tokens", b"4ms"),
    (b"x-request-id", b"req_0123456789abcdef0123456789abcdef"),
]
_USAGE = {
    "prompt_tokens": 148,
    "completion_tokens": 96,
    "total_tokens": 244,
    "prompt_tokens_details": {"cached_tokens": 40, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 12,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}
_IDENTITY: dict[str, Any] = {
    "id": "chatcmpl-BenchBenchBenchBenchBench0001",
    "object": "chat.completion",
    "created": 1795262400,
    "model": "gpt-4o-mini-2024-07-18",
    "service_tier": "default",
    "system_fingerprint": "fp_0123456789",
}


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _chat() -> bytes:
    """A chat answer of one kilobyte."""
    text = f"Start with {ANSWERED}, then eigenvalues and the geometry of least squares. "
    message: dict[str, Any] = {"role": "assistant", "content": (text * 5)[:390], "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    return _json({**_IDENTITY, "choices": [choice], "usage": _USAGE})


def _chunk(delta: dict[str, str], finish: str | None, extra: dict[str, Any]) -> bytes:
    choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
    said = {**_IDENTITY, "object": "chat.completion.chunk", "choices": [choice], **extra, "obfuscation": "x4Tq9"}
    return b"data: " + _json(said) + b"\n\n"


def _stream(*, usage: bool) -> list[bytes]:
    """The events of a streamed answer; where usage was asked for, each chunk has the field and one more the numbers."""
    extra: dict[str, Any] = {"usage": None} if usage else {}
    words = [ANSWERED, *(f" word{n}" for n in range(CHUNKS - 3))]
    events = [_chunk({"role": "assistant", "content": ""}, None, extra)]
    events += [_chunk({"content": word}, None, extra) for word in words]
    events.append(_chunk({}, "stop", extra))
    if usage:
        last = {**_IDENTITY, "object": "chat.completion.chunk", "choices": [], "usage": _USAGE, "obfuscation": ""}
        events.append(b"data: " + _json(last) + b"\n\n")
    return [*events, b"data: [DONE]\n\n"]


def _embeddings() -> bytes:
    vector = base64.b64encode(struct.pack(f"<{FLOATS}f", *(n / FLOATS for n in range(FLOATS)))).decode()
    datum = {"object": "embedding", "index": 0, "embedding": vector}
    usage = {"prompt_tokens": 9, "total_tokens": 9}
    return _json({"object": "list", "data": [datum], "model": EMBEDDING_MODEL, "usage": usage})


class _Body(http.SyncByteStream):
    """A body that arrives in pieces."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = pieces

    def __iter__(self) -> Iterator[bytes]:
        yield from self._pieces


class Provider(http.BaseTransport):
    """Answers chat, streamed chat and embeddings."""

    def __init__(self) -> None:
        chat, embeddings = _chat(), _embeddings()
        self._chat = ([chat], self._plain(chat))
        self._embeddings = ([embeddings], self._plain(embeddings))
        streamed = [
            *_HEADERS,
            (b"content-type", b"text/event-stream; charset=utf-8"),
            (b"transfer-encoding", b"chunked"),
        ]
        self._streams = {usage: (_stream(usage=usage), streamed) for usage in (False, True)}

    @staticmethod
    def _plain(body: bytes) -> list[tuple[bytes, bytes]]:
        return [*_HEADERS, (b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]

    def handle_request(self, request: http.Request) -> http.Response:
        """Answer what the path and the body ask for."""
        body = request.read()
        if request.url.path.endswith("/embeddings"):
            pieces, headers = self._embeddings
        elif b'"stream":true' in body:
            pieces, headers = self._streams[b'"include_usage":true' in body]
        else:
            pieces, headers = self._chat
        return http.Response(200, headers=headers, stream=_Body(pieces), request=request)


def client() -> http.Client:
    """An HTTP client to hand to `openai.OpenAI(http_client=...)`."""
    return http.Client(transport=Provider(), base_url="https://api.openai.com/v1")
