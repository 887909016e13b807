"""What evaluations said, and how caches did."""

from __future__ import annotations

from spanledger.ledger import caches
from spanledger.ledger.hits import KNOWN
from spanledger.ledger.results import Hits
from spanledger.service.answers.metrics import Cache, Layer, ProviderCache, Quality, Score
from spanledger.service.figures import percent
from spanledger.service.metrics.reading import Reading

#: The layers that dashboards know.
LAYERS = ("l1", "l2", "prompt")
_NOTE = f"Events of the app's caches say their {', '.join(KNOWN)} only; filter by those to see them."


def quality(reading: Reading) -> Quality:
    """The section. A score `quality` is the evaluation; `refined` says whether an answer was made again."""
    found = caches.marks(reading.connection, reading.asked.window, reading.asked.only)
    said, refined = found.get("quality"), found.get("refined")
    rate = refined.positive / refined.count if refined else None
    return Quality(
        count=said.count if said else 0,
        avg_quality_score=round(said.mean, 6) if said else None,
        refinement_rate_percent=percent(rate),
        first_pass_acceptance_rate_percent=percent(None if rate is None else 1 - rate),
        scores=[
            Score(name=name, count=one.count, avg=round(one.mean, 6), min=one.low, max=one.high)
            for name, one in sorted(found.items())
        ],
    )


def cache(reading: Reading) -> Cache:
    """The section."""
    sums, known = reading.sums, reading.hits is not None
    found = reading.hits or {}
    layers = {name: _layer(found.get(name, Hits())) if known else None for name in LAYERS}
    return Cache(
        **layers,
        others={name: _layer(one) for name, one in sorted(found.items()) if name not in LAYERS},
        provider=ProviderCache(
            tokens_input=sums.input,
            tokens_cache_read=sums.cache_read,
            tokens_cache_write=sums.cache_write,
            hit_rate_percent=percent(sums.cached),
        ),
        note=None if known else _NOTE,
    )


def _layer(hits: Hits) -> Layer:
    return Layer(hits=hits.hits, misses=hits.misses, hit_rate_percent=percent(hits.rate))
