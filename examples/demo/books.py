"""Where the app keeps its ledger and its budgets, and the dashboard that shows both."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from demo.problems import DemoError
from provider.server import Loopback
from spanledger import config
from spanledger.budget import opening, reading
from spanledger.config import Settings
from spanledger.errors import ConfigError
from spanledger.ledger import opening as ledger

STORE = "SPANLEDGER_STORE"
DATABASE = "SPANLEDGER_DATABASE_URL"
BUDGETS = "SPANLEDGER_BUDGETS"
_LIMITS = "global/day=0.02USD,action=warn;tenant/day=0.01USD,warn=0.002USD,action=warn"  # seen, and refuse nobody


@dataclass(frozen=True)
class Books:
    """The books of one demo."""

    settings: Settings
    """Those of the app."""
    added: Mapping[str, str]
    """The variables by which the app keeps them; what the parent has set itself is not among them."""

    @property
    def kept(self) -> bool:
        """Whether there is a ledger; the parent may have said `off`."""
        return ledger.url_of(self.settings, budgeted=True) is not None

    @property
    def temporary(self) -> bool:
        """Whether the ledger goes with the demo."""
        return DATABASE in self.added or (STORE in self.added and self.settings.database_url is None)


@contextmanager
def books(environ: Mapping[str, str]) -> Iterator[Books]:
    """The parent's own books where it has some; what it has not set is in a folder that goes with the block.

    Raises:
        DemoError: A setting cannot be used.
    """
    with tempfile.TemporaryDirectory(prefix="spanledger-demo-", ignore_cleanup_errors=True) as folder:
        with _told():
            made = _books(environ, Path(folder))
        yield made


def _books(environ: Mapping[str, str], folder: Path) -> Books:
    wanted = {STORE: f"sqlite://{folder / 'budgets.sqlite'}", BUDGETS: _LIMITS}
    added = {name: value for name, value in wanted.items() if not environ.get(name, "").strip()}
    settings = config.strict({**environ, **added})
    if settings.database_url is None and ledger.url_of(settings, budgeted=True) is None:
        # The parent's store has no file beside which a ledger could be.
        added[DATABASE] = f"sqlite://{folder / ledger.FILE}"
        settings = replace(settings, database_url=added[DATABASE])
    elif settings.database_url is not None and settings.database_url != ledger.OFF:
        from spanledger.ledger import database  # noqa: PLC0415  imports much

        database.parsed(settings.database_url)
    opening.open_store(settings.store).close()
    reading.read(settings)
    return Books(settings, added)


@contextmanager
def dashboard(settings: Settings) -> Iterator[str]:
    """The service of these books in this process; its URL.

    Raises:
        DemoError: A setting cannot be used, or the ledger cannot be reached.
    """
    with ExitStack() as stack:
        with _told():
            from spanledger.cli.opening import told  # noqa: PLC0415  what --once does not need
            from spanledger.cli.serve import service  # noqa: PLC0415  as above

            with told():
                app = service(settings)
        parts = app.state.service
        stack.callback(parts.engine.dispose)
        stack.callback(parts.books.store.close)
        yield stack.enter_context(Loopback(app)).url


@contextmanager
def _told() -> Iterator[None]:
    """What spanledger says of a setting becomes what the demo ends with."""
    try:
        yield
    except ConfigError as wrong:
        raise DemoError(str(wrong)) from None
    except ImportError as missing:
        raise DemoError(f"the demo needs more packages: pip install 'spanledger[all]' ({missing})") from None
