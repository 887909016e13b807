"""A running provider, as tests and the demo use it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from provider.app import create_app
from provider.desk import Desk
from provider.errors import Json
from provider.front import fingerprint
from provider.server import Loopback
from provider.settings import Settings


@dataclass(frozen=True)
class Provider:
    """Where it answers, and its books."""

    url: str
    desk: Desk

    @property
    def base_url(self) -> str:
        """What `OPENAI_BASE_URL` is set to."""
        return f"{self.url}/v1"

    def bill(self, key: str | None = None) -> Json:
        """Requests and tokens billed, to one API key or to all."""
        return self.desk.books.total(None if key is None else fingerprint(key))

    def log(self, key: str | None = None) -> list[Json]:
        """Every request, oldest first, of one API key or of all."""
        return self.desk.books.log(None if key is None else fingerprint(key))


@contextmanager
def serve(settings: Settings | None = None, port: int = 0) -> Iterator[Provider]:
    """A provider on loopback for as long as the block lasts.

    Raises:
        OSError: The port is taken.
    """
    desk = Desk(settings or Settings())
    with Loopback(create_app(desk=desk), port) as server:
        yield Provider(server.url, desk)
