"""A server on loopback that answers with recordings: `/i/ID/...` with the one of that id, whatever is asked."""

from __future__ import annotations

import json
import re
import threading
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from conformance.cases import Case, Response

_EVENT = re.compile(rb"(?<=\n\n)|(?<=\r\n\r\n)")
#: What the server sets itself.
_OWN = frozenset({"content-length", "transfer-encoding", "content-encoding", "connection"})


@dataclass
class Replay:
    """Where it answers, and which requests came for which case: method, path and body."""

    url: str
    cases: dict[str, Case]
    requests: defaultdict[str, list[tuple[str, str, bytes]]] = field(default_factory=lambda: defaultdict(list))

    def base(self, case: Case) -> str:
        """The address of one case."""
        return f"{self.url}/i/{case.id}"

    def taken(self, case: Case) -> list[tuple[str, str, object]]:
        """The requests since it was asked last. What we are allowed to add to a request is taken out."""
        return [(method, path, _as_asked(body)) for method, path, body in self.requests.pop(case.id, [])]


def _as_asked(body: bytes) -> object:
    try:
        found = json.loads(body)
    except ValueError:
        return body
    if isinstance(found, dict) and isinstance(options := found.get("stream_options"), dict):
        options.pop("include_usage", None)
        if not options:
            del found["stream_options"]
    return found


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    replay: Replay

    def do_POST(self) -> None:
        size = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(size)
        _, _, which, path = self.path.split("/", 3)
        self.replay.requests[which].append((self.command, path, body))
        self._send(self.replay.cases[which].response)

    do_GET = do_POST  # noqa: N815  as above

    def _send(self, response: Response) -> None:
        self.send_response(response.status)
        headers = {name.lower(): str(value) for name, value in response.headers.items() if name.lower() not in _OWN}
        kind = "text/event-stream; charset=utf-8" if response.stream else "application/json"
        for name, value in {"content-type": kind, **headers}.items():
            self.send_header(name, value)
        if not response.stream:
            self.send_header("content-length", str(len(response.body)))
            self.end_headers()
            self.wfile.write(response.body)
            return
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in filter(None, _EVENT.split(response.body)):
            self.wfile.write(b"%x\r\n%b\r\n" % (len(event), event))
        self.wfile.write(b"0\r\n\r\n")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002
        return


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hangs up is no news."""


@contextmanager
def serve(cases: Iterable[Case]) -> Iterator[Replay]:
    """A server for as long as the block lasts."""

    class Handler(_Handler):
        pass

    with _Server(("127.0.0.1", 0), Handler) as server:
        Handler.replay = Replay(f"http://127.0.0.1:{server.server_address[1]}", {case.id: case for case in cases})
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield Handler.replay
        finally:
            server.shutdown()
            thread.join()
