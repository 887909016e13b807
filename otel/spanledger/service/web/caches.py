"""The page of caches: how often the app's own answered, layer by layer, and the provider's."""

from __future__ import annotations

from fastapi import APIRouter, Response

from spanledger.service.access import needs
from spanledger.service.answers.metrics import Cache, Layer
from spanledger.service.metrics.reading import Reading
from spanledger.service.metrics.rest import cache
from spanledger.service.web.looked import ViewOf
from spanledger.service.web.page import PageOf, PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False, dependencies=[needs("read")])
_LAYERS = {"l1": "L1: exact, in process", "l2": "L2: shared", "prompt": "Prompt"}


@router.get("/cache")
def caches(page: PageOf, view: ViewOf) -> Response:
    """Every layer."""
    with page.service.reading() as connection:
        found = cache(Reading(connection, view.asked))
    return page.shown("cache.html", "Cache", view, cache=found, layers=_layers(found))


def _layers(found: Cache) -> dict[str, Layer]:
    """The app's, under the titles that people know; empty where nobody can tell."""
    known = {title: layer for name, title in _LAYERS.items() if (layer := getattr(found, name)) is not None}
    return {**known, **found.others}
