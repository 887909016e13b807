"""The script that runs inside Redis, and the keys it works on.

All keys of a deployment have one hash tag, so that they live in one slot of a cluster, where a script may touch all of
them. Which window a counter belongs to is part of its name inside the hash of counters: nothing is ever reset.

    {spanledger}:state      a hash: version of the format, lineage, number of changes, the server that was written to
    {spanledger}:counters   a hash: name of the counter → its figures
    {spanledger}:holds      a hash: id of the hold → the hold; the journal that counters are checked against
    {spanledger}:due        open holds, by the time they expire
    {spanledger}:lapsed     expired holds that nobody has settled
    {spanledger}:ended      holds that are over, by the time they ended
    {spanledger}:audit      a list of changes by hand, halts and repairs; it only grows
    {spanledger}:notes      a hash: what is remembered beside the counters
    {spanledger}:noted      its keys, by the time they are forgotten
"""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import NamedTuple

#: In the order in which the script names them.
KEYS = ("state", "counters", "holds", "due", "lapsed", "ended", "audit", "notes", "noted")


class Script(NamedTuple):
    """A script in Lua, and the digest under which a server remembers it."""

    source: bytes
    digest: str


@cache
def script() -> Script:
    """The script of this version: the files beside this one, in the order of their names."""
    parts = sorted((Path(__file__).parent / "lua").glob("*.lua"))
    source = b"\n".join(part.read_bytes() for part in parts)
    return Script(source, hashlib.sha1(source, usedforsecurity=False).hexdigest())


def keys(prefix: str) -> tuple[str, ...]:
    """The keys of a deployment. A prefix that has a hash tag of its own keeps it."""
    tagged = prefix if "{" in prefix else f"{{{prefix}}}"
    return tuple(f"{tagged}:{key}" for key in KEYS)
