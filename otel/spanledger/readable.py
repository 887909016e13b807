"""What people read: how long something took, and names that somebody else gave."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """How long something took, as exactly as it is read: `35 ms`, `1.4 s`, `1 min 23 s`, `2 h 01 min`."""
    if seconds < 0.9995:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes // 60} h {minutes % 60:02} min" if minutes >= 60 else f"{minutes} min {rest:02} s"


def plain(name: str) -> str:
    """A name without what moves the cursor of a terminal, or cannot be seen."""
    return "".join(one if one.isprintable() else "\N{REPLACEMENT CHARACTER}" for one in name)
