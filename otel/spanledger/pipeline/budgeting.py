"""The guard that the settings ask for."""

from __future__ import annotations

import os

from spanledger.budget import opening, reading
from spanledger.budget.lease import LeasedStore
from spanledger.budget.store import Store, StoreError
from spanledger.config import Settings
from spanledger.errors import ConfigError, log
from spanledger.guard import Guard, Policy
from spanledger.pricing import PriceBook


def guard(settings: Settings, book: PriceBook) -> Guard | None:
    """A guard; None where no budget is asked for. Budgets that cannot be read make one that refuses every call."""
    service = os.environ.get("OTEL_SERVICE_NAME", "")
    try:
        unusable = settings.problem("COST_BUDGET_MAX")
        if unusable is not None:
            raise ConfigError(unusable)
        budgets = reading.read(settings)
    except ConfigError as error:
        log.warning("every call is refused until this is mended: %s", error)
        return Guard((), None, book, Policy(problem=str(error)))
    if not budgets:
        return None
    policy = Policy(settings.unpriced, settings.hold_ttl, service)
    store = _store(settings, "hard budgets refuse every call until this is mended")
    if store is not None:
        store = opening.leasing(store, settings.store, settings.lease)
    made = Guard(budgets, store, book, policy)
    if isinstance(store, LeasedStore):
        store.listen(made.crossed)
        made.centre = store.centre
    return made


def notes(settings: Settings) -> Store | None:
    """Where an app without budgets keeps its notes: in the store that it names; None for its process alone."""
    if settings.store == opening.AUTO:
        return None
    return _store(settings, "nothing is remembered beyond this process until this is mended")


def _store(settings: Settings, consequence: str) -> Store | None:
    try:
        return opening.open_store(settings.store)
    except (ConfigError, StoreError) as error:
        log.warning("%s: %s", consequence, error)
        return None
