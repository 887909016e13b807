"""A provider of websocket sessions on loopback: realtime, and the Responses API. It answers by a fixed script.

What an app says decides the answer: audio `speak` makes the realtime server begin a response by itself, the instruction
`drop` has the connection cut in the middle, `fail` and `busy` are errors.
"""

from __future__ import annotations

import base64
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from websockets.exceptions import ConnectionClosed
from websockets.sync.server import ServerConnection, serve

Json = dict[str, Any]
#: One turn: 100 tokens read, 40 of them audio, 30 out of a cache (10 audio); 50 written, 30 of them audio.
USAGE: Json = {
    "total_tokens": 150,
    "input_tokens": 100,
    "output_tokens": 50,
    "input_token_details": {
        "text_tokens": 60,
        "audio_tokens": 40,
        "cached_tokens": 30,
        "cached_tokens_details": {"text_tokens": 20, "audio_tokens": 10},
    },
    "output_token_details": {"text_tokens": 20, "audio_tokens": 30},
}
#: What it costs with gpt-realtime, in nano-USD.
NANO = 40 * 4_000 + 20 * 400 + 30 * 32_000 + 10 * 400 + 20 * 16_000 + 30 * 64_000
#: Two tokens of speech: 100 ms.
SOUND = base64.b64encode(b"\0" * 4_800).decode()
RESPONSE_USAGE: Json = {
    "input_tokens": 100,
    "input_tokens_details": {"cached_tokens": 40},
    "output_tokens": 20,
    "output_tokens_details": {"reasoning_tokens": 5},
    "total_tokens": 120,
}


@dataclass
class Sockets:
    """Where it listens, and what it was sent."""

    url: str
    sent: list[Json] = field(default_factory=list)


class _Speaker:
    """One connection."""

    def __init__(self, connection: ServerConnection, sent: list[Json]) -> None:
        self._socket = connection
        self._sent = sent
        self._turns = 0
        self._session: Json = {"type": "realtime", "model": "gpt-realtime"}

    def say(self, kind: str, **more: Any) -> None:
        self._socket.send(json.dumps({"type": kind, "event_id": "event_1", **more}))

    def listen(self) -> None:
        realtime = self._socket.request is not None and "/realtime" in self._socket.request.path
        if realtime:
            self.say("session.created", session=self._session)
        for message in self._socket:
            event = json.loads(message)
            self._sent.append(event)
            if realtime:
                self._realtime(event)
            elif event["type"] == "response.create":
                self._respond(event)

    def _realtime(self, event: Json) -> None:
        if event["type"] == "session.update":
            self._session |= event["session"]
            self.say("session.updated", session=self._session)
        elif event["type"] == "input_audio_buffer.append" and event["audio"] == "speak":
            usage = {"type": "tokens", "total_tokens": 12, "input_tokens": 10, "output_tokens": 2}
            self.say("conversation.item.input_audio_transcription.completed", item_id="i", usage=usage, transcript="hi")
            self._turn({})
        elif event["type"] == "response.create":
            self._turn(event.get("response") or {}, event.get("event_id"))

    def _turn(self, asked: Json, name: str | None = None) -> None:
        wish = asked.get("instructions")
        if wish == "busy":
            self.say("error", error={"code": "conversation_already_has_active_response", "event_id": name})
            return
        self._turns += 1
        head = {"id": f"resp_{self._turns}", "object": "realtime.response", "conversation_id": "conv_1"}
        self.say("response.created", response={**head, "status": "in_progress"})
        for piece in ("Hel", "lo"):
            self.say("response.output_audio_transcript.delta", response_id=head["id"], delta=piece)
        self.say("response.output_audio.delta", response_id=head["id"], delta=SOUND)
        if wish == "drop":
            self._socket.socket.shutdown(socket.SHUT_RDWR)
        elif wish != "hang":
            status = "failed" if wish == "fail" else "completed"
            details = {"type": "failed", "error": {"code": "server_error"}} if wish == "fail" else None
            usage = None if wish == "fail" else USAGE
            done: Json = {**head, "status": status, "status_details": details, "output": [], "usage": usage}
            self.say("response.done", response=done)

    def _respond(self, event: Json) -> None:
        self._turns += 1
        head = {"id": f"resp_{self._turns}", "object": "response", "model": f"{event['model']}-2024-07-18"}
        self.say("response.created", response={**head, "status": "in_progress", "output": []}, sequence_number=0)
        self.say("response.output_text.delta", delta="Hello there", item_id="i", sequence_number=1)
        if event.get("instructions") == "drop":
            self._socket.socket.shutdown(socket.SHUT_RDWR)
            return
        done = {**head, "status": "completed", "output": [], "usage": RESPONSE_USAGE}
        self.say("response.completed", response=done, sequence_number=2)


@contextmanager
def sockets() -> Iterator[Sockets]:
    """The provider for as long as the block lasts."""
    sent: list[Json] = []

    def connected(connection: ServerConnection) -> None:
        try:
            _Speaker(connection, sent).listen()
        except (ConnectionClosed, OSError):
            return

    with serve(connected, "127.0.0.1", 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield Sockets(f"127.0.0.1:{server.socket.getsockname()[1]}/v1", sent)
        server.shutdown()
        thread.join()
