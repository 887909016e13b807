"""What an app sees with us beside what it sees without, of answers that are not what was promised."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.support.telemetry import Telemetry

from provider import Provider, Settings, serve
from spanledger_instrumentation.adapter import Adapter

#: What the simulated provider can do wrong, whichever API it is asked by.
FAULTS = (
    "usage_null", "usage_missing", "usage_list", "usage_strings", "usage_words", "usage_floats", "usage_nulls",
    "usage_negative", "usage_huge", "choices_empty", "choices_missing", "model_null", "wrong_shape", "invalid_json",
    "html", "empty", "sse_garbage", "disconnect", "stream_error", "400", "401", "404", "429", "500", "503",
)  # fmt: skip
Twins = tuple[Provider, Provider]


def still() -> Iterator[Twins]:
    """Two providers whose clock stands still: one answers to the app as it is, one to the app with us, alike."""
    settings = Settings(clock=lambda: 1_700_000_000.0)
    with serve(settings) as bare, serve(settings) as ours:
        yield bare, ours


@contextmanager
def installed(adapter: type[Adapter], telemetry: Telemetry) -> Iterator[None]:
    """With this adapter."""
    made = adapter(telemetry.calls)
    made.install()
    try:
        yield
    finally:
        made.uninstall()


@dataclass(frozen=True)
class Onlooker:
    """Sees what an app sees. `stream` is its client's class of streams, `unlike` are what no two answers share."""

    stream: type[Iterable[Any]]
    unlike: frozenset[str] = frozenset()

    def outcome(self, call: Callable[[], Any]) -> list[Any]:
        """What comes of a call: its value, the pieces of its stream, its exception."""
        seen: list[Any] = []
        try:
            value = call()
            if isinstance(value, self.stream):
                seen += [self._shown(piece) for piece in value]
            else:
                seen.append(self._shown(value))
        except Exception as error:  # noqa: BLE001
            seen.append(_raised(error))
        return seen

    async def async_outcome(self, call: Callable[[Any], Any], client: Any) -> list[Any]:
        """The same of a stream of coroutines; the client is closed then."""
        seen: list[Any] = []
        async with client:
            try:
                seen += [self._shown(piece) async for piece in await call(client)]
            except Exception as error:  # noqa: BLE001
                seen.append(_raised(error))
        return seen

    def _shown(self, value: Any) -> Any:
        if not hasattr(value, "model_dump"):
            return value
        return type(value).__name__, self._alike(value.model_dump(warnings=False))

    def _alike(self, node: Any) -> Any:
        if isinstance(node, dict):
            return {key: self._alike(value) for key, value in node.items() if key not in self.unlike}
        return [self._alike(item) for item in node] if isinstance(node, list) else node


def _raised(error: Exception) -> tuple[type[Exception], str]:
    return type(error), str(error).partition("req_")[0]
