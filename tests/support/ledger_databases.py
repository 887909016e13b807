"""Empty databases for ledgers on a server that many tests share."""

from __future__ import annotations

import uuid

import psycopg


def database(server: str) -> str:
    """The URL of a new, empty database beside the one of this URL."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    return f"{server.rpartition('/')[0]}/{name}"
