"""`python -m provider`: the simulated provider as a program."""

from __future__ import annotations

import argparse
import signal
import sys
import threading

from provider.running import serve
from provider.settings import Settings


def main(arguments: list[str] | None = None) -> int:
    """Serve until Ctrl-C; the first line printed is the address."""
    options = _parser().parse_args(arguments)
    settings = Settings(
        delay_ms=options.delay_ms,
        gap_ms=options.gap_ms,
        strict_models=options.strict_models,
        reject_stream_options=options.reject_stream_options,
    )
    ended = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    try:
        with serve(settings, options.port) as provider:
            print(provider.url, flush=True)
            ended.wait()
    except OSError as taken:
        wrong = f"cannot listen on 127.0.0.1:{options.port}: {taken.strerror}"
        print(f"provider: {wrong}; --port 0 takes a free port", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="provider",
        description="A simulated OpenAI API on loopback that keeps the bill: GET /_bill, GET /_log.",
    )
    parser.add_argument("--port", type=int, default=0, help="0 takes a free port")
    parser.add_argument("--delay-ms", type=float, default=0, help="wait before each answer")
    parser.add_argument("--gap-ms", type=float, default=0, help="wait before each event of a stream")
    parser.add_argument("--strict-models", action="store_true", help="404 for models it does not list")
    parser.add_argument("--reject-stream-options", action="store_true", help="400 for stream_options")
    return parser
