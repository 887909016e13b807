"""`spanledger serve`: the service, and tokens for it."""

from __future__ import annotations

import argparse
import errno
import gc
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spanledger import config
from spanledger.budget import opening, reading
from spanledger.cli.opening import told
from spanledger.config import Settings, parsing
from spanledger.errors import ConfigError
from spanledger.ledger import opening as ledger

if TYPE_CHECKING:
    from fastapi import FastAPI

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_SCOPES = ("read", "write", "admin")
_ALONE = (
    "SPANLEDGER_STORE={} keeps the budgets of each process in that process: this service cannot see those of others, "
    "and shows nothing of what they spent. Give it and your apps one store that they share, such as sqlite:///path or "
    "redis://host:6379/0"
)
#: Connections to the database that are kept open.
_POOL = 16
#: Objects that are made before a look for garbage.
_MADE = 50_000


def add(commands: Any) -> None:
    """Declare the command and what it can do."""
    own = commands.add_parser("serve", help="answer over HTTP: dashboard, metrics API, OTLP")
    own.add_argument("--host", help="default: SPANLEDGER_SERVICE_HOST, else 127.0.0.1")
    own.add_argument("--port", type=_port, help="default: SPANLEDGER_SERVICE_PORT, else 8320")
    own.set_defaults(do=_serve)
    token = own.add_subparsers(dest="action", metavar="ACTION").add_parser("token", help="make a token for the service")
    token.add_argument("name", help="whose it is")
    token.add_argument("--scope", action="append", choices=_SCOPES, help="what it may do; may be given again")
    token.add_argument("--tenant", help="the only tenant that it may see")
    token.set_defaults(do=_token)


def _port(text: str) -> int:
    try:
        return parsing.port(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} {error}") from None


def _serve(given: argparse.Namespace) -> int:
    settings = config.strict()
    settings = replace(
        settings, service_host=given.host or settings.service_host, service_port=given.port or settings.service_port
    )
    if settings.service_tokens is None and settings.service_host not in _LOOPBACK:
        raise ConfigError(
            f"without tokens the service is for this host alone and cannot listen on {settings.service_host}: make one "
            "with `spanledger serve token NAME` and set SPANLEDGER_SERVICE_TOKENS"
        )
    _free(settings)
    with _packages():
        import uvicorn  # noqa: PLC0415  comes with the extra

        app = service(settings)
        rarely_collected()
        print(f"dashboard, API and OTLP on {_address(settings)}", file=sys.stderr)
        if not opening.open_store(settings.store).shared:
            print(_ALONE.format(settings.store), file=sys.stderr)
        uvicorn.run(
            app, host=settings.service_host, port=settings.service_port, server_header=False, log_level="warning"
        )
    return 0


def rarely_collected() -> None:
    """Look for garbage in cycles less often, and never among what was imported: it stays.

    A request with thousands of spans makes tens of thousands of objects that live until it is answered, and nearly none
    of them is in a cycle; after every 700 of them, as Python has it, looking would cost a sixth of taking spans in.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_MADE)


def service(settings: Settings) -> FastAPI:
    """The app that the settings ask for, with what dead processes left brought into its ledger.

    Raises:
        ConfigError: something cannot be used.
    """
    from spanledger.ledger import database  # noqa: PLC0415  imports much
    from spanledger.ledger.migrate import ready  # noqa: PLC0415
    from spanledger.service.app import create  # noqa: PLC0415
    from spanledger.service.books import Books  # noqa: PLC0415
    from spanledger.service.tokens import Tokens  # noqa: PLC0415

    url = ledger.url_of(settings, budgeted=True)
    if url is None:
        raise ConfigError("no ledger is kept with this store: set SPANLEDGER_DATABASE_URL")
    engine = database.engine(url, kept=_POOL)
    with told():
        ready(engine)
        ledger.recorder_of(url, settings).recover_now()
    store = opening.leasing(opening.open_store(settings.store), settings.store)
    tokens = Tokens(Path(settings.service_tokens)) if settings.service_tokens else None
    return create(settings, engine, Books(store, reading.read(settings)), tokens=tokens)


def _address(settings: Settings) -> str:
    """Where a browser finds it."""
    host = f"[{settings.service_host}]" if ":" in settings.service_host else settings.service_host
    return f"http://{host}:{settings.service_port}"


def _free(settings: Settings) -> None:
    """Whether the address can be listened on. Raises ConfigError."""
    place = f"{settings.service_host} port {settings.service_port}"
    try:
        family = socket.AF_INET6 if ":" in settings.service_host else socket.AF_INET
        with socket.socket(family) as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            one.bind((settings.service_host, settings.service_port))
    except OSError as error:
        hint = "somebody listens there; give another --port" if error.errno == errno.EADDRINUSE else error.strerror
        raise ConfigError(f"cannot listen on {place}: {hint}") from error


@contextmanager
def _packages() -> Iterator[None]:
    try:
        yield
    except ImportError as error:
        raise ConfigError(f"the service needs more packages: pip install 'spanledger[service]' ({error})") from error


def _token(given: argparse.Namespace) -> int:
    with _packages():
        from spanledger.service import tokens  # noqa: PLC0415  imports pydantic and YAML

    token, entry = tokens.new(given.name, given.scope or ["read"], given.tenant)
    print(f"token, shown this once: {token}\n")
    print("its entry in the file SPANLEDGER_SERVICE_TOKENS, below `tokens:`\n")
    print(entry.as_yaml())
    return 0
