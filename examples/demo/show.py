"""The demo itself: start everything, let learners visit, show traces and bill."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field, replace

from rich.console import Console

from demo import bill, render
from demo.books import Books, books, dashboard
from demo.child import App, environment
from demo.forward import Forwarder, Target, target
from demo.metrics import Page
from demo.problems import DemoError
from demo.receiver import Inbox, receiver
from demo.trees import Call, Trace
from demo.visits import VISITS, visit
from provider import Provider, Settings, serve
from provider.server import Loopback

JAEGER = "http://127.0.0.1:16686"
_PACE = Settings(delay_ms=80, gap_ms=4)  # a model that takes its time, a little
_SETTLED = 0.7  # seconds without a new span after which a trace with a root is shown
_PATIENCE = 20.0
_POLL = 0.1
_EQUAL = 1e-9


@dataclass
class Show:
    """Everything that runs, and what has been shown of it."""

    console: Console
    inbox: Inbox
    page: Page
    app: App
    otlp: str
    provider: Provider | None
    forwarder: Forwarder | None
    books: Books
    dashboard: str
    """Its URL; empty where there is none."""
    shown: set[str] = field(default_factory=set)

    def drive(self) -> int:
        """Let the learners visit; how many were not answered as expected."""
        surprises = 0
        for number, one in enumerate(VISITS, 1):
            visited = visit(self.app.url, one, f"session-{number}", simulated=self.provider is not None)
            self.show_new()
            if self.provider is not None and visited.status != one.expected:
                surprises += 1
                self.console.print(f"{one.user} got {visited.status} instead of {one.expected}", style="red")
        return surprises

    def wait(self) -> None:
        """Until every visit's trace is there, every billed call and their metrics, or patience ends."""
        deadline = time.monotonic() + _PATIENCE
        while time.monotonic() < deadline and not self._complete():
            self.show_new()
            time.sleep(_POLL)

    def show_new(self, *, all_of_them: bool = False) -> None:
        """Print the traces that have come to rest since the last look."""
        for trace in self.inbox.traces():
            if trace.id in self.shown or not trace.asks_models:
                continue
            if all_of_them or (trace.whole and self.inbox.quiet(trace.id) > _SETTLED):
                self.shown.add(trace.id)
                link = f"{JAEGER}/trace/{trace.id}" if self.forwarder else ""
                self.console.print(render.trace_view(trace, link))

    def show_bill(self) -> bool:
        """Print the bill; whether it agrees with the provider's, where there is one to compare with."""
        calls = self.calls
        views: list[tuple[str, dict[str, bill.Sum]]] = [
            ("Bill by stage", bill.by(lambda call: call.stage, calls)),
            ("Bill by model", bill.by(lambda call: call.model, calls)),
            ("Bill by tenant", bill.by(lambda call: call.tenant, calls)),
        ]
        for title, sums in views:
            self.console.print(render.bill_table(title, sums), "")
        summed = bill.total(calls)
        self.console.print(f"Total: {render.cost(summed)} ({summed.source})", style="bold")
        self._show_metrics()
        return self._show_match(calls)

    @property
    def calls(self) -> list[Call]:
        """All metered calls so far."""
        return [call for trace in self._traces() for call in trace.calls]

    def _show_metrics(self) -> None:
        measured = self.page.sum("spanledger_cost_USD_total")
        if measured is not None:
            self.console.print(f"Metrics: spanledger_cost_USD_total = ${measured:.6f}")

    def _show_match(self, calls: list[Call]) -> bool:
        self.console.print()
        if self.provider is None:
            self.console.print("The provider keeps its own bill; compare with its usage page.", style="dim")
            return True
        matches = bill.compared(calls, self.provider.bill())
        self.console.print(render.match_table(matches), "")
        return all(match.agrees for match in matches)

    def _complete(self) -> bool:
        traces = self._traces()
        calls = [call for trace in traces for call in trace.calls]
        billed = self.provider.bill()["requests"] if self.provider else 0
        if sum(trace.whole for trace in traces) < len(VISITS) or len(calls) < billed:
            return False
        measured = self.page.sum("spanledger_cost_USD_total")
        return measured is not None and abs(measured - float(bill.total(calls).usd)) < _EQUAL

    def _traces(self) -> list[Trace]:
        return self.inbox.traces()


@contextmanager
def running(console: Console, environ: Mapping[str, str], port: int, *, forward: bool, stay: bool) -> Iterator[Show]:
    """Provider, receiver and app, and the dashboard if they stay, from entering the block to leaving it.

    Raises:
        DemoError: Something cannot start.
    """
    inbox, page = Inbox(), Page()
    with ExitStack() as stack:
        kept = stack.enter_context(books(environ))
        provider = None
        base_url, key = environ.get("OPENAI_BASE_URL"), environ.get("OPENAI_API_KEY")
        if not base_url and not key:
            provider = stack.enter_context(serve(_PACE))
            base_url, key = provider.base_url, "sk-simulated"
        to = _target(environ) if forward else None
        forwarder = Forwarder(to) if to else None
        if forwarder:
            stack.callback(forwarder.close)
        web = receiver(inbox, page, forwarder.send if forwarder else None)
        otlp = stack.enter_context(Loopback(web)).url
        shown = stack.enter_context(_dashboard(kept, forwarder)) if stay and kept.kept else ""
        app = stack.enter_context(App(environment({**environ, **kept.added}, otlp, base_url, key), port))
        yield Show(console, inbox, page, app, otlp, provider, forwarder, kept, shown)


def _dashboard(kept: Books, forwarder: Forwarder | None) -> AbstractContextManager[str]:
    """With links to Jaeger where traces get there. It comes before the app, which finds its tables made."""
    jaeger = kept.settings.jaeger_url or (JAEGER if forwarder else None)
    return dashboard(replace(kept.settings, jaeger_url=jaeger))


def _target(environ: Mapping[str, str]) -> Target | None:
    try:
        return target(environ)
    except ValueError as wrong:
        raise DemoError(str(wrong)) from None
