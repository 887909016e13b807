"""How everything is, in one word and by component."""

from __future__ import annotations

from collections.abc import Mapping

from spanledger.ledger.questions.results import Totals
from spanledger.service.answers.metrics import Components, GroupHealth, Health, State
from spanledger.service.figures import percent
from spanledger.service.rate import REDIS
from spanledger.service.watch import Seen

#: Shares of calls that fail from which providers are said to be degraded, or down.
DEGRADED, DOWN = 0.1, 0.5
_ORDER: tuple[State, ...] = ("ok", "degraded", "down")


def health(
    seen: dict[str, Seen], store: str, sums: Totals | None, groups: Mapping[str, Totals] | None = None
) -> Health:
    """The section; `store` is the URL of the budgets' store, `sums` are None where the ledger does not answer."""
    redis = seen["store"] if store.startswith(REDIS) else Seen("not configured", "The budgets' store is no Redis.")
    found = {**seen, "redis": redis, "provider": _provider(sums)}
    states = [one.state for one in found.values() if one.state != "not configured"]
    return Health(
        status=max(states, key=_ORDER.index),
        components=Components(**{name: one.state for name, one in found.items()}),
        details={name: one.detail for name, one in found.items() if one.detail},
        error_rate_percent=None if sums is None else percent(sums.error_rate),
        groups=None if groups is None else [_group(key, one) for key, one in sorted(groups.items())],
    )


def _group(key: str, sums: Totals) -> GroupHealth:
    return GroupHealth(key=key, calls=sums.calls, error_rate_percent=percent(sums.error_rate))


def _provider(sums: Totals | None) -> Seen:
    rate = None if sums is None else sums.error_rate
    if rate is None:
        return Seen("not configured", "There were no calls in this window to tell from.")
    if rate >= DOWN:
        return Seen("down", f"{rate:.0%} of the calls failed in this window.")
    if rate >= DEGRADED:
        return Seen("degraded", f"{rate:.0%} of the calls failed in this window.")
    return Seen("ok")
