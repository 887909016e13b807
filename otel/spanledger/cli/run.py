"""`spanledger run -- python app.py`: the app as it is, with everything switched on."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from dotenv import dotenv_values

from spanledger import config
from spanledger.budget import opening, reading
from spanledger.budget.listing import rows
from spanledger.budget.model import Budget
from spanledger.cli.surface import surface
from spanledger.config import Settings
from spanledger.errors import ConfigError
from spanledger.pricing.opening import contract_book


def add(commands: Any) -> None:
    """Declare the command."""
    own = commands.add_parser("run", help="run a program with tracing and metering on")
    own.add_argument("--live", action="store_true", help="say what each stage costs as it ends, on standard error")
    own.add_argument("program", nargs=argparse.REMAINDER, metavar="-- PROGRAM [ARG ...]")
    own.set_defaults(do=do)


def environment(environ: Mapping[str, str], folder: Path) -> dict[str, str]:
    """The environment of a program that we start: what is set wins over `.env.{APP_ENV}`, and that over `.env`."""
    found: dict[str, str] = {}
    stage = environ.get("APP_ENV", "").strip()
    for name in (".env", f".env.{stage}" if stage else None):
        if name is not None and (folder / name).is_file():
            try:
                found |= {k: v for k, v in dotenv_values(folder / name).items() if v is not None}
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"{name} cannot be read ({error}); make it a readable UTF-8 file") from error
    return found | dict(environ)


def do(given: argparse.Namespace) -> int:
    """Become the program; with `--live` run it, and end as it ends."""
    program = given.program[1:] if given.program[:1] == ["--"] else given.program
    if not program:
        raise ConfigError("no program given; use: spanledger run -- python app.py")
    environ = environment(os.environ, Path.cwd())
    settings = config.strict(environ)
    budgets = reading.read(settings)
    if settings.prices:
        contract_book(settings.prices)
    if shutil.which(program[0], path=environ.get("PATH")) is None:
        raise ConfigError(f"{program[0]} is not a program that can be found; give a path or a name on PATH")
    if settings.store == opening.AUTO:
        # Whoever starts an app by us wants books of it, budgets or not.
        environ["SPANLEDGER_STORE"] = f"sqlite://{opening.default_path(environ)}"
    environ.setdefault("OTEL_PYTHON_DISTRO", "spanledger")
    environ.setdefault("OTEL_PYTHON_CONFIGURATOR", "spanledger")
    wrapper = Path(sys.executable).parent / "opentelemetry-instrument"
    command = [str(wrapper), *program] if wrapper.exists() else [sys.executable, "-c", _FALLBACK, *program]
    if not given.live:
        os.execvpe(command[0], command, environ)  # noqa: S606  running the user's program is what the command is for
    return _watched(command, environ, settings, budgets)


def _watched(command: list[str], environ: dict[str, str], settings: Settings, budgets: Sequence[Budget]) -> int:
    from spanledger.live import standing, watched  # noqa: PLC0415  only here

    store = opening.leasing(opening.existing_store(settings.store), settings.store) if budgets else None
    stand = standing.Standing(budgets, lambda: rows(budgets, store) if store is not None and store.shared else [])
    return watched.leave(watched.watch(command, environ, stand, surface(sys.stderr)))


_FALLBACK = "from opentelemetry.instrumentation.auto_instrumentation import run; run()"
