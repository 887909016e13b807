"""An app behind uvicorn as it comes, in a thread of this process."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.types import ASGIApp
from tests.support.waiting import until


@contextmanager
def served(app: ASGIApp, **config: Any) -> Iterator[str]:
    """Host and port of the app, as long as the block lasts."""
    server = uvicorn.Server(uvicorn.Config(app, port=0, **config))
    thread = threading.Thread(target=server.run)
    thread.start()
    assert until(lambda: server.started)
    host, port = server.servers[0].sockets[0].getsockname()[:2]
    try:
        yield f"{host}:{port}"
    finally:
        server.should_exit = True
        thread.join()
