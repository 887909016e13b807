"""What the address of a page says: the same parameters as the API's, and links that keep them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated
from urllib.parse import urlencode

from fastapi import Depends, Query, Request
from pydantic import Field

from spanledger.ledger.questions.filters import Filter
from spanledger.service.access import CallerOf
from spanledger.service.asked import LONGEST, Asked, understood
from spanledger.service.figures import at
from spanledger.service.pages import Listed, Paged, read
from spanledger.service.parts import Parts

#: What is kept from page to page; where a list goes on is not.
KEPT = ("time_window_minutes", "since", "until", *Filter.__slots__)
#: The windows that a click chooses, in minutes.
WINDOWS: Mapping[int, str] = {15: "15 min", 60: "1 h", 360: "6 h", 1440: "24 h", 10080: "7 d", 43200: "30 d"}
DAY = 1440
#: Rows of a page.
ROWS = 50


class Looked(Paged):
    """The parameters of a page. Without any it is of the last day."""

    time_window_minutes: int = Field(DAY, ge=1, le=LONGEST)
    limit: int = Field(ROWS, ge=1, le=200)


@dataclass(frozen=True, slots=True)
class Place:
    """A page and what its address says."""

    path: str
    params: Mapping[str, str] = field(default_factory=dict)

    def at(self, path: str | None = None, **changes: str | int | None) -> str:
        """A page (this one, if none is named) about the same, but for these changes; None takes one away."""
        params = {name: value for name, value in self.params.items() if name in KEPT} | changes
        return address(path or self.path, **params)

    @property
    def chosen(self) -> dict[str, str]:
        """The filters that are on."""
        return {name: self.params[name] for name in Filter.__slots__ if name in self.params}


def address(path: str, **params: str | int | None) -> str:
    """A path with parameters; those that are None are left out."""
    said = {name: value for name, value in params.items() if value is not None}
    return f"{path}?{urlencode(said)}" if said else path


@dataclass(frozen=True, slots=True)
class View:
    """What a page looks at."""

    listed: Listed
    place: Place
    minutes: int | None
    """The window up to now, in minutes; None where it has a beginning or an end of its own."""

    @property
    def asked(self) -> Asked:
        """The question."""
        return self.listed.asked

    @property
    def since(self) -> str:
        """When a window with an end of its own begins, as a field of a form takes it; empty for one up to now."""
        return "" if self.minutes else f"{at(self.asked.window.since):%Y-%m-%dT%H:%M}"

    @property
    def until(self) -> str:
        """When it ends."""
        return "" if self.minutes else f"{at(self.asked.window.until):%Y-%m-%dT%H:%M}"

    @property
    def span(self) -> dict[str, str | None]:
        """The window as parameters that mean the same later: further pages of a list are of the same one."""
        window = self.asked.window
        ends = {name: f"{at(end):%Y-%m-%dT%H:%MZ}" for name, end in (("since", window.since), ("until", window.until))}
        return {**ends, "time_window_minutes": None}


def _view(request: Request, question: Annotated[Looked, Query()], caller: CallerOf, service: Parts) -> View:
    after = None if question.cursor is None else read(question.cursor)
    listed = Listed(understood(question, caller, service.clock()), question.limit, after)
    fixed = question.since is not None or question.until is not None
    place = Place(request.url.path, dict(request.query_params))
    return View(listed, place, None if fixed else question.time_window_minutes)


ViewOf = Annotated[View, Depends(_view)]
