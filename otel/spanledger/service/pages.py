"""Pages of long lists: where one ends is a cursor, opaque to whoever asks for the next."""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Query
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from spanledger.service.access import CallerOf
from spanledger.service.asked import Asked, Question, understood
from spanledger.service.parts import Parts
from spanledger.service.problems import Problem

_LAST = 2**63


class Further(BaseModel):
    """Which part of a list."""

    model_config = ConfigDict(extra="forbid")

    limit: int = Field(100, ge=1, le=1000, description="Rows of a page.")
    cursor: Annotated[str, StringConstraints(max_length=2048)] | None = Field(
        None, description="`next` of the page before; give the same filters and, for a window up to now, `until` too."
    )


class Paged(Further, Question):
    """The query parameters of a list of what calls came to."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A question about a list: what is asked, and which page of it."""

    asked: Asked
    limit: int
    after: tuple[int, str] | None


def _listed(question: Annotated[Paged, Query()], caller: CallerOf, service: Parts) -> Listed:
    after = None if question.cursor is None else read(question.cursor)
    return Listed(understood(question, caller, service.clock()), question.limit, after)


ListedOf = Annotated[Listed, Depends(_listed)]


def cursor(after: tuple[int, str] | None) -> str | None:
    """Where a page ended; None where there is no other."""
    if after is None:
        return None
    return base64.urlsafe_b64encode(json.dumps(after, separators=(",", ":")).encode()).decode().rstrip("=")


def read(text: str) -> tuple[int, str]:
    """The place that a cursor tells. Raises Problem."""
    try:
        at, id_ = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if type(at) is not int or not -_LAST <= at < _LAST or type(id_) is not str or "\0" in id_:
            raise ValueError(text)
        id_.encode()  # half a character is nothing to look for
    except (ValueError, TypeError, binascii.Error, RecursionError):
        raise Problem(422, "This cursor is none of ours; take `next` of the page before, or leave it out.") from None
    return at, id_
