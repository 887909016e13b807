"""From the settings to the ledger of a process. Nothing is imported, made or reached here before the first call."""

from __future__ import annotations

import os
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from spanledger.budget import opening as budgets
from spanledger.config import Settings
from spanledger.errors import ConfigError, log
from spanledger.ledger.entry import Maker
from spanledger.ledger.recorder import Recorder, Sink

#: The file beside the store's.
FILE = "calls.sqlite"
OFF = "off"
SETTING = "SPANLEDGER_DATABASE_URL"


def url_of(settings: Settings, *, budgeted: bool) -> str | None:
    """Where the ledger is; None where none is kept. `auto` is a file only where there is a budget to keep in it."""
    if settings.database_url is not None:
        return None if settings.database_url == OFF else settings.database_url
    try:
        file = budgets.file_of(settings.store) if budgeted or settings.store != budgets.AUTO else None
    except ConfigError:
        return None  # the guard says what is wrong with it
    return None if file is None else f"sqlite://{file.with_name(FILE)}"


def outbox_of(url: str) -> Path:
    """The folder of what waits for the database: beside a file, in the state directory for a server.

    Raises:
        ConfigError: the URL names no file, and no server.
    """
    if (file := file_of(url)) is not None:
        return file.with_name(f"{file.name}.outbox")
    server = url.rpartition("@")[2]
    return budgets.default_path().with_name(f"outbox-{sha256(server.encode()).hexdigest()[:12]}")


def file_of(url: str) -> Path | None:
    """The file of the ledger; None where it is on a server. Raises ConfigError."""
    return budgets.file_of(url, SETTING)


def recorder(settings: Settings, *, budgeted: bool) -> Recorder | None:
    """What takes the entries of this process; None where no ledger is kept."""
    url = url_of(settings, budgeted=budgeted)
    if url is None or not settings.tracking:
        return None
    if any(find_spec(package) is None for package in ("sqlalchemy", "alembic", "ddsketch")):
        if settings.database_url is not None:
            log.warning("%s: a ledger needs more packages: pip install 'spanledger[ledger]'", SETTING)
        return None
    try:
        made = recorder_of(url, settings)
    except ConfigError as error:
        log.warning("%s; until then no ledger is kept", error)
        return None
    made.recover()
    return made


def recorder_of(url: str, settings: Settings) -> Recorder:
    """What takes entries for the ledger at a URL. Raises ConfigError."""
    service = os.environ.get("OTEL_SERVICE_NAME", "")
    return Recorder(outbox_of(url), lambda: _sink(url, settings), Maker(service))


def _sink(url: str, settings: Settings) -> Sink:
    from spanledger.ledger import database  # noqa: PLC0415  imports much
    from spanledger.ledger.retention import Keep  # noqa: PLC0415  as above

    return database.Sink(database.engine(url), Keep.of(dict(settings.retention or ())))
