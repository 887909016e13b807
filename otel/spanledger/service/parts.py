"""What the service is made of, and how its routes come by it."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from sqlalchemy import Connection, Engine

from spanledger.config import Settings
from spanledger.ledger.database import reading
from spanledger.pricing import PriceBook
from spanledger.service.books import Books
from spanledger.service.rate import Rate
from spanledger.service.tokens import Tokens
from spanledger.service.watch import Watch


@dataclass(frozen=True, slots=True)
class Service:
    """The parts. `tokens` is None where nobody needs one: then the service is for this host alone."""

    settings: Settings
    engine: Engine
    books: Books
    rate: Rate
    watch: Watch
    book: PriceBook
    tokens: Tokens | None = None
    clock: Callable[[], float] = time.time

    def reading(self) -> AbstractContextManager[Connection]:
        """A connection that sees the ledger as it is at one moment, and keeps no writer waiting."""
        return reading(self.engine)


def _service(request: Request) -> Service:
    found = request.app.state.service
    assert isinstance(found, Service)
    return found


#: A parameter of this type is the service itself.
Parts = Annotated[Service, Depends(_service)]
