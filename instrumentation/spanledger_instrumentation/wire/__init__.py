"""The wire: calls to models that no adapter of an SDK has claimed, metered where HTTP libraries send them.

Frameworks that speak HTTP themselves, SDKs that we have no adapter for, and plain requests: recognised by path, host
and the shape of the body. A call that an adapter above meters is left alone.
"""

from __future__ import annotations

from typing import ClassVar

from spanledger.call import Calls
from spanledger_instrumentation.adapter import Adapter
from spanledger_instrumentation.wire.doors import LitellmDoors
from spanledger_instrumentation.wire.gate import Gate
from spanledger_instrumentation.wire.over_aiohttp import AiohttpWire
from spanledger_instrumentation.wire.over_httpx import Httpx2Wire, HttpxWire
from spanledger_instrumentation.wire.over_requests import RequestsWire


class WireAdapter(Adapter):
    """Meters httpx, httpx2, aiohttp and requests, each once the app has imported it."""

    library: ClassVar[str] = "HTTP libraries"

    def __init__(self, calls: Calls) -> None:
        super().__init__(calls)
        gate = Gate(calls)
        settings = calls.settings
        self._parts: list[Adapter] = []
        if settings.wire != "off":
            self._parts += [HttpxWire(gate), Httpx2Wire(gate), AiohttpWire(gate), RequestsWire(gate)]
        if settings.wire == "deny" or settings.budgets or settings.run_limit is not None:
            self._parts.append(LitellmDoors(calls))

    def install(self) -> None:
        """Wrap the methods that every request passes, unless the setting is `off`; refusals have doors in any case."""
        for part in self._parts:
            part.install()
            self.points += part.points

    def uninstall(self) -> None:
        """Put everything back."""
        super().uninstall()
        for part in self._parts:
            part.uninstall()

    @property
    def version(self) -> str | None:
        """Those that are installed, with their versions; None if there is none."""
        return ", ".join(f"{part.library} {part.version}" for part in self._parts if part.version) or None
