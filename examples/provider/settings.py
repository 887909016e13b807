"""What can be set when the simulated provider starts."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    """How this provider behaves towards every request that asks for nothing else."""

    delay_ms: float = 0.0
    """Wait before an answer starts, in milliseconds."""
    gap_ms: float = 0.0
    """Wait before each event of a stream, in milliseconds."""
    strict_models: bool = False
    """Answer 404 to a model that `/v1/models` does not list, as the real provider does."""
    reject_stream_options: bool = False
    """Answer 400 to `stream_options`, as some OpenAI-compatible servers do."""
    requests_per_minute: int = 30_000
    """What the `x-ratelimit-*-requests` headers count down from; it is shown, not enforced."""
    tokens_per_minute: int = 10_000_000
    """What the `x-ratelimit-*-tokens` headers count down from; it is shown, not enforced."""
    clock: Callable[[], float] = time.time
    """Seconds since the epoch."""
