"""How much a process borrows, and for how long."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial


@dataclass(frozen=True, slots=True)
class Terms:
    """`ttl`: seconds a lease lives unless it is renewed. `every`: seconds between two bookings; None: only when asked.

    A counter is leased after `warm` calls, `first` holds at first, four times as many whenever that was too little, at
    most `most`. No lease is more than one part in `share` of what its budget has left, nor less than `least` holds: so
    a budget with room for fewer than `share * least` holds is not leased at all. After `idle` bookings without a call
    a lease is given back.
    """

    ttl: float = 60.0
    every: float | None = 0.5
    warm: int = 2
    first: int = 16
    most: int = 4_096
    share: int = 8
    least: int = 4
    idle: int = 4

    @property
    def safe(self) -> float:
        """Seconds that a process spends from a lease: less than it lives, because clocks run at different rates."""
        return 0.9 * self.ttl


#: CLOCK_BOOTTIME goes on while the machine is suspended; where there is none the monotonic clock has to do.
_SINCE_BOOT = getattr(time, "CLOCK_BOOTTIME", getattr(time, "CLOCK_MONOTONIC", None))

#: Seconds since the machine started, those it slept through included.
uptime: Callable[[], float] = time.monotonic if _SINCE_BOOT is None else partial(time.clock_gettime, _SINCE_BOOT)
