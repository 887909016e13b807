"""litellm: a refusal that it has turned into an error of its own reaches the app as what it is.

litellm maps every exception that it does not know to one of OpenAI's kinds, with ours in its chain and text, and tries
again as often as it was told. Each attempt is refused again, so none leaves. Outside of all that the refusal is raised
as `BudgetExceeded`. No other exception is touched. Calls are metered by the adapters of the clients that litellm uses.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, ClassVar

from spanledger.errors import BudgetExceeded, Refusal, exceeded
from spanledger_instrumentation.adapter import Adapter

#: What an app calls, each with an async twin of this name behind an `a`.
_CALLS = ("completion", "text_completion", "embedding", "responses", "completion_with_retries")


class LiteLLMAdapter(Adapter):
    """Wraps the functions of `litellm` that ask a model."""

    library: ClassVar[str] = "litellm"

    def install(self) -> None:
        """Wrap them once litellm has been imported."""
        for name in _CALLS:
            self.wrap("litellm", name, _call, required=False)
            self.wrap("litellm", f"a{name}", _async_call, required=False)


def _call(wrapped: Callable[..., Any], _instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    try:
        return wrapped(*args, **kwargs)
    except Exception as error:
        _raise_ours(error)
        raise


async def _async_call(
    wrapped: Callable[..., Awaitable[Any]], _instance: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Any:
    try:
        return await wrapped(*args, **kwargs)
    except Exception as error:
        _raise_ours(error)
        raise


def _raise_ours(error: Exception) -> None:
    """Raise our refusal in place of the error that litellm made of it.

    An error of something else that happened while a refusal was being handled, such as that of a fallback, has ours in
    its chain too, but does not tell of it. Figures may differ: the last attempt tells its own, and its chain is cut.
    """
    seen: set[int] = set()
    found: BaseException | None = error
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        if isinstance(found, BudgetExceeded) and found is not error and _told(found.refusal) in str(error):
            raise exceeded(found.refusal) from error
        found = found.__cause__ or found.__context__


def _told(refusal: Refusal) -> str:
    """The part of a refusal's text that says whose budget refused."""
    head, refused, _ = str(refusal).partition(" refused the call")
    return head + refused
