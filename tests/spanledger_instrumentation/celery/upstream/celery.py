"""Stands in for opentelemetry-instrumentation-celery: the same signals, the same handling of context, no attributes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from celery import signals  # type: ignore[import-untyped]
from opentelemetry import context, trace
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor
from opentelemetry.propagate import extract, inject


class CeleryInstrumentor(BaseInstrumentor):  # type: ignore[misc]
    """Opens a PRODUCER and a CONSUMER span for each task."""

    def instrumentation_dependencies(self) -> Collection[str]:
        return ()

    def _instrument(self, **_: Any) -> None:
        self.open: dict[str, Any] = {}
        signals.task_prerun.connect(self._prerun, weak=False)
        signals.task_postrun.connect(self._postrun, weak=False)
        signals.before_task_publish.connect(self._before_publish, weak=False)
        signals.after_task_publish.connect(self._after_publish, weak=False)

    def _uninstrument(self, **_: Any) -> None:
        signals.task_prerun.disconnect(self._prerun)
        signals.task_postrun.disconnect(self._postrun)
        signals.before_task_publish.disconnect(self._before_publish)
        signals.after_task_publish.disconnect(self._after_publish)

    def _activate(self, key: str, name: str, kind: trace.SpanKind, token: Any = None) -> None:
        activation = trace.use_span(trace.get_tracer("upstream").start_span(name, kind=kind), end_on_exit=True)
        activation.__enter__()
        self.open[key] = (activation, token)

    def _prerun(self, task: Any, task_id: str, **_: Any) -> None:
        found = extract(vars(task.request)) or None
        token = context.attach(found) if found is not None else None
        self._activate(f"run {task_id}", f"upstream run/{task.name}", trace.SpanKind.CONSUMER, token)

    def _postrun(self, task_id: str, **_: Any) -> None:
        activation, token = self.open.pop(f"run {task_id}")
        activation.__exit__(None, None, None)
        if token is not None:
            context.detach(token)

    def _before_publish(self, headers: dict[str, Any], sender: str, **_: Any) -> None:
        self._activate(f"send {headers['id']}", f"upstream apply_async/{sender}", trace.SpanKind.PRODUCER)
        inject(headers)

    def _after_publish(self, headers: dict[str, Any], **_: Any) -> None:
        self.open.pop(f"send {headers['id']}")[0].__exit__(None, None, None)
