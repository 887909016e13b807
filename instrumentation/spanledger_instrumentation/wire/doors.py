"""Doors of libraries that speak HTTP themselves and retry whatever fails: a refusal leaves them by these."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from spanledger_instrumentation.adapter import Adapter
from spanledger_instrumentation.refusal import Door

_FUNCTIONS = ("completion", "text_completion", "embedding", "responses", "rerank")


class LitellmDoors(Adapter):
    """The functions of litellm that call models, above their own retries, and its router's, above those."""

    library: ClassVar[str] = "litellm"

    def install(self) -> None:
        """Wrap each function, and the coroutine of the same purpose, once the library has been imported."""
        for module, prefix in (("litellm", ""), ("litellm.router", "Router.")):
            for name in _FUNCTIONS:
                self.wrap(module, f"{prefix}{name}", _through, required=False)
                self.wrap(module, f"{prefix}a{name}", _through_async, required=False)


def _through(wrapped: Callable[..., Any], _library: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with Door():
        return wrapped(*args, **kwargs)


async def _through_async(
    wrapped: Callable[..., Awaitable[Any]], _library: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    with Door():
        return await wrapped(*args, **kwargs)
