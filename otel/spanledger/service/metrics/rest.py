"""What evaluations said, and how caches did."""

from __future__ import annotations

from typing import Any

from spanledger.ledger.questions import caches
from spanledger.ledger.questions.results import Hits, Totals
from spanledger.ledger.sums.hits import KNOWN
from spanledger.service.answers.metrics import Cache, GroupCache, GroupSaid, Layer, ProviderCache, Quality, Score
from spanledger.service.figures import percent
from spanledger.service.metrics.reading import Reading

#: The layers that dashboards know.
LAYERS = ("l1", "l2", "prompt")
_NOTE = f"Events of the app's caches say their {', '.join(KNOWN)} only; filter by those to see them."


def quality(reading: Reading) -> Quality:
    """The section. A score `quality` is the evaluation; `refined` says whether an answer was made again."""
    connection, asked = reading.connection, reading.asked
    if asked.group is None:
        return Quality(**_said(caches.marks(connection, asked.window, asked.only)), groups=None)
    groups = caches.marks_by(connection, asked.group, asked.window, asked.only)
    together: dict[str, caches.Marks] = {}
    for found in groups.values():
        for name, one in found.items():
            together[name] = together[name] + one if name in together else one
    return Quality(**_said(together), groups=[GroupSaid(key=key, **_said(one)) for key, one in sorted(groups.items())])


def _said(found: dict[str, caches.Marks]) -> dict[str, Any]:
    """The fields of `Said`."""
    said, refined = found.get("quality"), found.get("refined")
    rate = refined.positive / refined.count if refined else None
    return {
        "count": said.count if said else 0,
        "avg_quality_score": round(said.mean, 6) if said else None,
        "refinement_rate_percent": percent(rate),
        "first_pass_acceptance_rate_percent": percent(None if rate is None else 1 - rate),
        "scores": [
            Score(name=name, count=one.count, avg=round(one.mean, 6), min=one.low, max=one.high)
            for name, one in sorted(found.items())
        ],
    }


def cache(reading: Reading) -> Cache:
    """The section."""
    known = reading.hits is not None
    found = reading.hits or {}
    layers = {name: _layer(found.get(name, Hits())) if known else None for name in LAYERS}
    return Cache(
        **layers,
        others={name: _layer(one) for name, one in sorted(found.items()) if name not in LAYERS},
        provider=_provider(reading.sums),
        groups=None if reading.asked.group is None else _groups(reading, reading.asked.group),
        note=None if known else _NOTE,
    )


def _groups(reading: Reading, group: str) -> list[GroupCache]:
    """The values of which there were calls or events, by key."""
    asked, calls = reading.asked, reading.by(group)
    found = None
    if reading.hits is not None and caches.groups_by(group):
        found = caches.hits_by(reading.connection, group, asked.window, asked.only)
    return [
        GroupCache(
            key=key,
            layers=None if found is None else {name: _layer(one) for name, one in sorted(found.get(key, {}).items())},
            provider=_provider(calls.get(key, Totals())),
        )
        for key in sorted({*calls, *(found or ())})
    ]


def _provider(sums: Totals) -> ProviderCache:
    return ProviderCache(
        tokens_input=sums.input,
        tokens_cache_read=sums.cache_read,
        tokens_cache_write=sums.cache_write,
        hit_rate_percent=percent(sums.cached),
    )


def _layer(hits: Hits) -> Layer:
    return Layer(hits=hits.hits, misses=hits.misses, hit_rate_percent=percent(hits.rate))
