"""Waiting for leave from the budgets, in threads and in event loops."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator


def wait(admission: Iterator[float]) -> None:
    """Wait until an attempt may be made.

    Raises:
        BaseException: what the admission raises where it may not.
    """
    for seconds in admission:
        time.sleep(seconds)


async def wait_async(admission: Iterator[float]) -> None:
    """The same in an event loop, asyncio's or trio's."""
    for seconds in admission:
        await _sleep(seconds)


async def _sleep(seconds: float) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:  # trio's; the clients that run there bring anyio
        import anyio  # noqa: PLC0415 - only where a call waits in such a loop

        await anyio.sleep(seconds)
    else:
        await asyncio.sleep(seconds)
