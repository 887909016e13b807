"""`make demo`: what model calls cost, shown on a running app."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import time
from pathlib import Path
from typing import TextIO

from rich.console import Console

from demo.books import DATABASE, STORE, Books
from demo.problems import DemoError
from demo.show import JAEGER, Show, running
from provider.server import listening

_PLAIN_WIDTH = 150
_NO_LEDGER = f"none: {DATABASE}=off keeps no ledger; unset it"
_POLL = 0.2


def main(arguments: list[str] | None = None) -> int:
    """Run the demo.

    Returns:
        0 when it ran, 1 when spans and provider disagree, 2 when it could not run.
    """
    options = _parser().parse_args(arguments)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, _interrupt)
    console = _console(sys.stdout)
    try:
        _check_port(options.port)
        stay, forward = not options.once, not options.no_forward
        with running(console, os.environ, options.port, forward=forward, stay=stay) as show:
            return _run(show, stay=stay)
    except DemoError as problem:
        print(f"demo: {problem}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _run(show: Show, *, stay: bool) -> int:
    _introduce(show)
    surprises = show.drive()
    show.wait()
    if stay:
        show.show_new()
        show.show_bill()
        _stay(show)
    show.app.stop()  # it sends what it has not sent yet
    show.show_new(all_of_them=True)
    if not show.calls:
        raise DemoError("no model call arrived by OTLP: run `spanledger doctor` to see what is not instrumented")
    agrees = show.show_bill()
    if not stay:
        show.console.print(f"dashboard {_later(show.books)}")
    _point(show, over=True)
    return 0 if agrees and not surprises else 1


def _stay(show: Show) -> None:
    """Show new requests as they come, until Ctrl-C."""
    _point(show, over=False)
    try:
        while True:
            show.show_new()
            time.sleep(_POLL)
    except KeyboardInterrupt:
        show.console.print()


def _introduce(show: Show) -> None:
    where = f"simulated provider at {show.provider.base_url}" if show.provider else "your model API"
    show.console.print(f"recommender at {show.app.url}, model calls to the {where}")
    if show.forwarder:
        show.console.print(f"telemetry is passed on to {show.forwarder.target.endpoint}")
    for complaint in show.app.complaints():
        print(f"demo: {complaint}", file=sys.stderr)
    show.console.print()


def _point(show: Show, *, over: bool) -> None:
    """Where to look."""
    say = show.console.print
    if not over:
        say(f"dashboard {f'{show.dashboard}/' if show.dashboard else _NO_LEDGER}")
        if show.dashboard and STORE in show.books.added and show.books.temporary:
            say(f"top       {STORE}={show.books.added[STORE]} {_command('spanledger')} top", soft_wrap=True)
        say(f"metrics   {show.otlp}/metrics")
        say(f"try       curl {show.app.url}/recommend -H 'content-type: application/json' \\")
        say("""            -H 'x-tenant-id: acme' -d '{"goal": "learn SQL"}'""")
    if show.forwarder:
        failed, to = show.forwarder.failed, show.forwarder.target.endpoint
        lost = f" ({failed} deliveries to {to} failed)" if failed else ""
        say(f"Jaeger    {JAEGER}{lost}")
    else:
        say("Jaeger    start `make stack` first, and each trace comes with a link")
    say("Ctrl-C ends it; new requests are shown as they come\n" if not over else "")


def _later(books: Books) -> str:
    """How to see the books of a demo that does not stay."""
    if not books.kept:
        return _NO_LEDGER
    if books.temporary:
        return f"comes with `make demo`; or set {STORE}=sqlite:///path/of/budgets.sqlite, run, and `spanledger serve`"
    return "`spanledger serve` shows these books, with the settings of this demo"


def _command(name: str) -> str:
    """As a shell here finds it: below this folder, or by its whole path."""
    program = Path(sys.executable).with_name(name)
    return str(program.relative_to(Path.cwd()) if program.is_relative_to(Path.cwd()) else program)


def _check_port(port: int) -> None:
    try:
        listening(port).close()
    except OSError:
        raise DemoError(f"port {port} on 127.0.0.1 is taken; choose another with --port, or 0 for a free one") from None


def _port(text: str) -> int:
    if not text.isdigit() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port; take a number from 0 to 65535")
    return int(text)


def _console(out: TextIO) -> Console:
    if hasattr(out, "reconfigure"):
        out.reconfigure(errors="replace")
    return Console(file=out, highlight=False, soft_wrap=False, width=None if out.isatty() else _PLAIN_WIDTH)


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="demo", description="A FastAPI app with two agents: what each request did, took and cost."
    )
    parser.add_argument("--once", action="store_true", help="run, print the bill, end")
    parser.add_argument("--port", type=_port, default=0, help="of the app; 0 takes a free one")
    parser.add_argument("--no-forward", action="store_true", help="keep telemetry from a collector that runs here")
    return parser
