"""What `spanledger doctor` finds where money is kept: the store of the budgets and the ledger. It makes no file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from spanledger.budget import opening as stores
from spanledger.budget.store import StoreError, reach
from spanledger.cli.finding import Finding
from spanledger.cli.opening import told
from spanledger.config import Settings
from spanledger.errors import ConfigError
from spanledger.ledger import opening
from spanledger.ledger.outbox import stranded

_PIECE = 1024**2


def kept(settings: Settings, *, budgeted: bool) -> Iterator[Finding]:
    """The store, then the ledger; each once, and what waits for the ledger."""
    try:
        yield _store(settings.store, budgeted=budgeted)
    except ConfigError as error:
        yield Finding("store", "problem", str(error))
    except StoreError as error:
        yield Finding("store", "problem", f"{error}; hard budgets refuse every call until it answers")
    try:
        yield from _ledger(opening.url_of(settings, budgeted=budgeted))
    except ConfigError as error:
        yield Finding("ledger", "problem", str(error))


def _store(url: str, *, budgeted: bool) -> Finding:
    if url == stores.AUTO and not budgeted:
        return Finding("store", "ok", "none: no budget is set")
    file = stores.file_of(url)
    if file is not None and not file.exists():
        return Finding("store", "ok", f"{file}: made with the first call")
    store = stores.open_store(url)
    if not store.shared:
        return Finding("store", "note", "in the memory of each process; no other sees what it spent")
    try:
        reach(store)
    finally:
        store.close()
    name = _server(url) if file is None else str(file)
    logs = [] if file is None else list(file.with_name(f"{file.name}.leases").glob("*.log"))
    leases = f", leases of {len(logs)} processes" if logs else ""
    return Finding("store", "ok", f"{name} answers{leases}")


def _server(url: str) -> str:
    """Without user, password and options."""
    scheme, slashes, rest = url.partition("//")
    return f"{scheme}{slashes}{rest.rpartition('@')[2].partition('?')[0]}"


def _ledger(url: str | None) -> Iterator[Finding]:
    if url is None:
        yield Finding("ledger", "note", "none is kept; see SPANLEDGER_DATABASE_URL")
        return
    file = opening.file_of(url)
    if file is not None and not file.exists():
        yield Finding("ledger", "ok", f"{file}: made with the first call")
    else:
        yield _database(url)
    if waiting := sum(map(_lines, stranded(opening.outbox_of(url)))):
        text = f"up to {waiting} lines wait in {opening.outbox_of(url)}; running processes, or the next one, bring them"
        yield Finding("ledger", "note", text)


def _database(url: str) -> Finding:
    try:
        from spanledger.ledger import database  # noqa: PLC0415  imports much
    except ImportError as error:
        raise ConfigError(f"a ledger needs more packages: pip install 'spanledger[ledger]' ({error})") from error
    from spanledger.ledger.migrate import HEAD, version  # noqa: PLC0415  as above

    shown = database.parsed(url).set(query={}).render_as_string(hide_password=True).replace("+psycopg", "", 1)
    with told(), database.reading(database.engine(url)) as connection:
        found = version(connection)
    if found == HEAD:
        return Finding("ledger", "ok", f"{shown} answers, its tables are of version {found}")
    said = f"{shown} answers, its tables are of version {found}, not {HEAD}"
    if opening.file_of(url) is not None and (found is None or found < HEAD):
        return Finding("ledger", "note", f"{said}: the next process brings them to it")
    way = "run: spanledger ledger migrate" if found is None or found < HEAD else "update spanledger"
    return Finding("ledger", "problem", f"{said}; {way}")


def _lines(path: Path) -> int:
    try:
        with path.open("rb") as file:
            return sum(piece.count(b"\n") for piece in iter(lambda: file.read(_PIECE), b""))
    except OSError:
        return 0  # its process was quicker
