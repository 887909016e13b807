"""The ledger that the settings name, opened for a command, and moments as users write them."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from spanledger import config
from spanledger.errors import ConfigError
from spanledger.ledger import opening
from spanledger.ledger.outbox import stranded
from spanledger.money import NANO

if TYPE_CHECKING:
    from sqlalchemy import Engine

#: Seconds since the epoch from which on no time is meant: the year 2200.
_ERA = 7_258_118_400


def engine(*, existing: bool = True) -> Engine:
    """The ledger of the settings, with what dead processes left for it.

    Raises:
        ConfigError: none is kept, or it cannot be used.
    """
    url = opening.url_of(config.strict(), budgeted=True)
    if url is None:
        raise ConfigError("no ledger is kept with this store: set SPANLEDGER_DATABASE_URL")
    if not existing:
        return _engine(url)
    if (made := recovered(url)) is None:
        where = opening.file_of(url)
        raise ConfigError(
            f"SPANLEDGER_DATABASE_URL: there is no ledger at {where} yet; spanledger run -- python app.py begins one"
        )
    return made


def recovered(url: str) -> Engine | None:
    """The ledger at a URL, with what dead processes left for it; None where there is none yet.

    A program that was over before its ledger was made has left its calls in the outbox: they make it now.

    Raises:
        ConfigError: there is one, and it cannot be used.
    """
    file = opening.file_of(url)
    if file is not None and not file.exists() and not any(stranded(opening.outbox_of(url))):
        return None
    made = _engine(url)
    with told():
        opening.recorder_of(url, config.strict()).recover_now()
    return made if file is None or file.exists() else None


def _engine(url: str) -> Engine:
    try:
        from spanledger.ledger import database  # noqa: PLC0415  imports much
    except ImportError as error:
        raise ConfigError(f"a ledger needs more packages: pip install 'spanledger[ledger]' ({error})") from error
    return database.engine(url)


@contextmanager
def told() -> Iterator[None]:
    """What a database says becomes what the user is told."""
    from sqlalchemy.exc import SQLAlchemyError  # noqa: PLC0415  as above

    from spanledger.ledger.overflow import SumError  # noqa: PLC0415  as above

    try:
        yield
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).partition("\n")[0]
        raise ConfigError(f"SPANLEDGER_DATABASE_URL: the ledger cannot be used: {reason}") from error
    except SumError as error:
        raise ConfigError(str(error)) from error


def moment(text: str) -> int:
    """A date, a time or `7d` ago, as nanoseconds since the epoch; UTC unless it says otherwise.

    Raises:
        ConfigError: it is none of these, or no time of this era.
    """
    try:
        at = _seconds(text)
    except (ValueError, OverflowError):
        at = -1
    if not 0 <= at < _ERA:
        raise ConfigError(f"{text!r} is no time; write 2026-11-01, 2026-11-01T12:00 or 7d")
    return at * NANO


def _seconds(text: str) -> int:
    if text.endswith("d") and text[:-1].isdecimal():
        return int(time.time() - 86_400 * int(text[:-1]))
    if text.isdecimal() and len(text) != 8:
        return int(text)
    at = datetime.fromisoformat(text)
    return int((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())
