"""What a request is about: a window of time and which calls in it.

There is one way from query parameters to the ledger, and it puts the caller's tenant in: no route can forget it.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Annotated, Literal

from fastapi import Depends, Query, Request
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints

from spanledger.ledger.questions.filters import Filter, Window
from spanledger.service.access import CallerOf
from spanledger.service.parts import Parts
from spanledger.service.problems import Problem
from spanledger.service.tokens import Caller

#: Ten years.
LONGEST = 10 * 366 * 24 * 60
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
#: Databases take no NUL in a text.
Text = Annotated[str, StringConstraints(max_length=512, pattern=r"^[^\x00]*$")]
#: A time zone behind a time of which a query made the + a blank.
_BLANK = re.compile(r"(\d:\d\d\S*) (\d\d:?\d\d)")
Moment = Annotated[datetime, BeforeValidator(lambda said: _BLANK.sub(r"\1+\2", said) if type(said) is str else said)]
Group = Literal[
    "service", "environment", "operation", "stage", "provider", "model", "tenant", "status", "user", "day"
]  # fmt: skip


def once(request: Request) -> None:
    """For all routes: which of two values holds would be a guess. Raises Problem."""
    given = Counter(name for name, _ in request.query_params.multi_items())
    if twice := [name for name, count in given.items() if count > 1]:
        raise Problem(422, f"{twice[0][:64]} is given more than once; give one value, and ask again for another.")


class Question(BaseModel):
    """The query parameters that choose calls. An empty text stands for calls where nothing was said."""

    model_config = ConfigDict(extra="forbid")

    time_window_minutes: int = Field(60, ge=1, le=LONGEST, description="So many minutes up to now.")
    since: Moment | None = Field(None, description="From this moment on; UTC unless it says otherwise.")
    until: Moment | None = Field(None, description="Before this moment; now if left out.")
    service: Text | None = Field(None, description="The `service.name` of the app.")
    environment: Text | None = Field(None, description="Where it is deployed.")
    operation: Text | None = Field(None, description="`chat`, `embeddings` and so on.")
    stage: Text | None = Field(None, description="The stage of the app that asked.")
    provider: Text | None = Field(None, description="Who answered, such as `openai`.")
    model: Text | None = Field(None, description="The model asked for.")
    tenant: Text | None = Field(None, description="For whom; a token may be limited to one.")
    user: Text | None = Field(None, description="The user on whose behalf; answered from single calls, so slower.")
    status: Literal["success", "error", "timeout", "refused", "lost"] | None = Field(None, description="How it ended.")


class Grouped(Question):
    """The same, and what to group by."""

    group_by: Group | None = Field(
        None, description="Adds `groups`: the same figures for each value of this, for each UTC `day` by its date."
    )


@dataclass(frozen=True, slots=True)
class Asked:
    """A question as the ledger takes it. `at` is when it was asked, in seconds since the epoch."""

    at: float
    window: Window
    only: Filter
    group: Group | None = None

    @property
    def minutes(self) -> int:
        """How long the window is."""
        return (self.window.until - self.window.since) // 60


def _grouped(question: Annotated[Grouped, Query()], caller: CallerOf, service: Parts) -> Asked:
    return replace(understood(question, caller, service.clock()), group=question.group_by)


GroupedOf = Annotated[Asked, Depends(_grouped)]


def understood(question: Question, caller: Caller, now: float) -> Asked:
    """A question with its moments resolved and the caller's tenant in it.

    Raises:
        Problem: the window is none, or the tenant is not the caller's.
    """
    only = Filter(**{name: getattr(question, name) for name in Filter.__slots__})
    return Asked(now, _window(question, now), limited(only, caller))


def limited(only: Filter, caller: Caller) -> Filter:
    """Only calls of the caller's tenant. Raises Problem where another one is asked for."""
    if caller.tenant is None:
        return only
    if only.tenant not in (None, caller.tenant):
        raise Problem(403, f"The token {caller.name!r} is for one tenant alone; leave out the filter tenant.")
    return replace(only, tenant=caller.tenant)


def _window(question: Question, now: float) -> Window:
    length = question.time_window_minutes * 60
    if question.since is None and question.until is None:
        end = math.ceil(now / 60) * 60
        return Window(end - length, end)
    until = _seconds(question.until) if question.until else now
    since = _seconds(question.since) if question.since else until - length
    if not since < until:
        raise Problem(422, "The window ends before it begins; give a since that is before until.")
    if until - since > LONGEST * 60:
        raise Problem(422, "The window is longer than ten years; ask for a shorter one.")
    return Window.of(since, until)


def _seconds(moment: datetime) -> float:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    if not _FIRST <= aware < _LAST:
        raise Problem(422, "since and until must be between the years 2000 and 2200.")
    return aware.timestamp()
