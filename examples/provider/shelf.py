"""Stored responses: what `store`, `background` and `previous_response_id` need."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from provider.errors import ApiError, Json

_KEPT = 2_000


@dataclass
class Stored:
    """One response, with what was said before it."""

    final: Json
    events: list[Json]
    items: list[Json]
    """The input items, those of earlier responses included."""
    states: list[str] = field(default_factory=list)
    """What a background response still is to be seen as; one is used up by each look."""
    cancelled: bool = False


class Shelf:
    """The responses this provider remembers."""

    def __init__(self) -> None:
        """An empty shelf."""
        self._responses: OrderedDict[str, Stored] = OrderedDict()

    def put(self, stored: Stored) -> None:
        """Remember a response; the oldest make room."""
        self._responses[stored.final["id"]] = stored
        while len(self._responses) > _KEPT:
            self._responses.popitem(last=False)

    def get(self, response_id: str) -> Stored:
        """The response of that id.

        Raises:
            ApiError: 404, there is none.
        """
        if response_id not in self._responses:
            raise ApiError(404, f"Response with id '{response_id}' not found.")
        return self._responses[response_id]

    def delete(self, response_id: str) -> None:
        """Forget a response."""
        self.get(response_id)
        del self._responses[response_id]
