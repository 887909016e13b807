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


#: What joins letters of Persian and parts of an emoji, or keeps them apart.
_JOINERS = "\N{ZERO WIDTH NON-JOINER}\N{ZERO WIDTH JOINER}"


def plain(name: str) -> str:
    """A name without what moves the cursor of a terminal, or cannot be seen. Joiners stay where they join something."""
    if name.isprintable():
        return name
    beside = zip(f"-{name}", name, f"{name[1:]}-", strict=False)
    return "".join(
        one if one.isprintable() or _joins(before, one, after) else "\N{REPLACEMENT CHARACTER}"
        for before, one, after in beside
    )


def _joins(before: str, one: str, after: str) -> bool:
    return one in _JOINERS and not (before.isascii() or after.isascii())
