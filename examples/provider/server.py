"""A web app answering on loopback from a thread of this process."""

from __future__ import annotations

import logging
import socket
import threading
import time
from types import TracebackType

import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

HOST = "127.0.0.1"
_START_SECONDS = 10.0


class _Quiet(H11Protocol):
    """HTTP/1.1 without a word about connections that the app cuts on purpose."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self.logger = logging.getLogger("provider.http")
        self.logger.addHandler(logging.NullHandler())
        self.logger.propagate = False


class Loopback:
    """An ASGI app on 127.0.0.1, from entering the block to leaving it."""

    def __init__(self, app: ASGIApp, port: int = 0) -> None:
        """Take the port at once; 0 takes a free one.

        Raises:
            OSError: The port is taken.
        """
        self._socket = listening(port)
        self.port: int = self._socket.getsockname()[1]
        self.url = f"http://{HOST}:{self.port}"
        config = uvicorn.Config(
            app,
            http=_Quiet,
            ws="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([self._socket],), daemon=True)

    def __enter__(self) -> Loopback:
        """Start answering."""
        self._thread.start()
        deadline = time.monotonic() + _START_SECONDS
        while not self._server.started and self._thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.005)
        if not self._server.started:
            raise RuntimeError(f"nothing answers at {self.url}: the web server did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop answering and give the port back."""
        self._server.should_exit = True
        self._thread.join(timeout=_START_SECONDS)
        self._socket.close()


def listening(port: int) -> socket.socket:
    """A bound socket on loopback.

    Raises:
        OSError: The port is taken.
    """
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        bound.bind((HOST, port))
    except OSError:
        bound.close()
        raise
    return bound
