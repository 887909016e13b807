"""What the URL of a Redis says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from redis.connection import AbstractConnection, Connection, parse_url

PREFIX = "spanledger"
#: Seconds to wait for a connection and for each answer: an app waits for both.
PATIENCE = 1.0


@dataclass(frozen=True)
class Address:
    """How to reach a server; `name` is the URL as it may be shown, without user, password and options."""

    name: str
    prefix: str
    kind: type[AbstractConnection]
    options: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, url: str) -> Address:
        """From `redis://user:password@host:6379/0?prefix=NAME`, `rediss://…` or `unix:///path?db=0`.

        All other options of the query are those of redis-py: `socket_timeout` for one, in seconds.

        Raises:
            ValueError: it is no such URL, or an option makes no sense.
        """
        parts = urlsplit(url)
        database = parts.path.strip("/")
        if parts.scheme != "unix" and database and not database.isdecimal():
            raise ValueError(f"the database {database!r} is no number")
        found = parse_url(url)
        prefix = found.pop("prefix", PREFIX)
        kind = found.pop("connection_class", Connection)
        options = {"socket_timeout": PATIENCE, "socket_connect_timeout": PATIENCE, "protocol": 2, **found}
        if parts.scheme == "unix":
            options.pop("socket_connect_timeout")
        kind(**options)
        return cls(_name(parts.scheme, options), prefix, kind, options)

    def at(self, host: str, port: int) -> Address:
        """Another node of the same cluster."""
        options = {**self.options, "host": host or self.options.get("host"), "port": port}
        return replace(self, name=_name(self.name.partition(":")[0], options), options=options)


def _name(scheme: str, options: Mapping[str, Any]) -> str:
    if scheme == "unix":
        return f"unix://{options.get('path', '')}"
    return f"{scheme}://{options.get('host', 'localhost')}:{options.get('port', 6379)}/{options.get('db', 0)}"
