"""Ports of loopback for servers that take one by number."""

from __future__ import annotations

import random

from spanstack.ports import AUTO_RANGE, is_free


def free_port(among: range = AUTO_RANGE) -> int:
    """A port that no outgoing connection takes in the meantime: these have a range of their own."""
    return next(port for port in random.sample(among, len(among)) if is_free(port))
