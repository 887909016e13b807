"""The budgets that the settings ask for."""

from __future__ import annotations

from spanledger.budget import inline
from spanledger.budget.model import Budget
from spanledger.config import Settings
from spanledger.errors import ConfigError


def read(settings: Settings) -> tuple[Budget, ...]:
    """All budgets of `SPANLEDGER_BUDGETS` and of the plain `COST_*` names; of one name the former holds.

    Raises:
        ConfigError: they cannot be read.
    """
    found = _named(settings.budgets) if settings.budgets else ()
    taken = {budget.name for budget in found}
    return (*found, *(budget for budget in inline.plain(settings) if budget.name not in taken))


def _named(text: str) -> tuple[Budget, ...]:
    if "=" in text:
        try:
            return inline.parse(text)
        except ConfigError as error:
            raise ConfigError(f"SPANLEDGER_BUDGETS: {error}") from None
    from spanledger.budget import file  # noqa: PLC0415 - pydantic and YAML, for those who write a file

    return file.load(text)
