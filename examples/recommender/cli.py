"""`python examples/recommender`: the app on a port of its own."""

from __future__ import annotations

import argparse
import sys

import uvicorn

from provider.server import listening
from recommender.app import app


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C; the first line printed is the address."""
    parser = argparse.ArgumentParser(prog="recommender", description="A course adviser with two agents.")
    parser.add_argument("--port", type=int, default=8000, help="0 takes a free port")
    options = parser.parse_args(arguments)
    try:
        bound = listening(options.port)
    except OSError as taken:
        wrong = f"cannot listen on 127.0.0.1:{options.port}: {taken.strerror}"
        print(f"recommender: {wrong}; --port 0 takes a free port", file=sys.stderr)
        return 2
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3))
    print(f"http://127.0.0.1:{bound.getsockname()[1]}", flush=True)
    try:
        server.run(sockets=[bound])
    except KeyboardInterrupt:
        return 0
    return 0 if server.started else 2
