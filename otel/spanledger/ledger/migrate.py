"""The database brought to the tables that this version knows."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, inspect, text

from spanledger.errors import ConfigError

if TYPE_CHECKING:
    from alembic.config import Config

#: The latest step.
HEAD = "0001"
VERSION_TABLE = "ledger_version"
#: Whoever migrates a PostgreSQL keeps others from doing so.
_LOCK = 0x73706C64
#: Alembic keeps what it works on in global variables: one thread at a time.
_alone = threading.Lock()


def version(connection: Connection) -> str | None:
    """The last step that was taken, None in an empty database."""
    if not inspect(connection).has_table(VERSION_TABLE):
        return None
    found: str | None = connection.scalar(text(f"SELECT version_num FROM {VERSION_TABLE}"))  # noqa: S608  ours
    return found


def migrate(engine: Engine) -> bool:
    """Take the steps that are missing, all or none of them; whether there were any.

    Raises:
        ConfigError: the database is one of a later version.
    """
    with engine.connect() as connection:
        if version(connection) == HEAD:
            return False
    with engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
        if version(connection) == HEAD:  # another process was quicker
            return False
        _upgrade(connection)
    return True


def _upgrade(connection: Connection) -> None:
    from alembic import command  # noqa: PLC0415  heavy, and of no use once the tables are there
    from alembic.util import CommandError  # noqa: PLC0415

    try:
        with _alone:
            command.upgrade(config(connection), "head")
    except CommandError as error:
        raise ConfigError(f"SPANLEDGER_DATABASE_URL: the ledger was made by a later spanledger ({error})") from error


def config(connection: Connection) -> Config:
    """What Alembic's commands take."""
    from alembic.config import Config  # noqa: PLC0415  as above

    made = Config(attributes={"connection": connection})
    made.set_main_option("script_location", "spanledger.ledger:migrations")
    made.set_main_option("path_separator", "os")
    return made


def ready(engine: Engine) -> None:
    """Make sure that the tables are those of this version: a file is migrated, a server only by the user's command.

    Raises:
        ConfigError: the server's tables are of another version.
    """
    if engine.dialect.name == "sqlite":
        migrate(engine)
        return
    with engine.connect() as connection:
        found = version(connection)
    if found != HEAD:
        raise ConfigError(
            f"SPANLEDGER_DATABASE_URL: the ledger's tables are of version {found}, not {HEAD}; "
            "run: spanledger ledger migrate"
        )
