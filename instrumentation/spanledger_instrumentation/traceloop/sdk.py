"""traceloop-sdk itself, where an app imports it: its decorators work without `Traceloop.init()`, and say who pays.

Where the app does call `Traceloop.init()`, it sets up what it always does, except instrumentors of models and stores:
those are ours to switch on, or stand in for.
"""

from __future__ import annotations

import functools
import os
import re
import sys
import uuid
from collections.abc import Callable
from contextlib import nullcontext
from types import ModuleType
from typing import TYPE_CHECKING, Any

from opentelemetry import context, trace

from spanledger import scope
from spanledger.call import Calls
from spanledger.errors import contained
from spanledger.scope import Scope
from spanledger.semconv import names
from spanledger_instrumentation.traceloop.properties import of_entity, of_properties

if TYPE_CHECKING:
    from spanledger_instrumentation.adapter import Adapter

Wrapped = Callable[..., Any]
_TRACING = "traceloop.sdk.tracing.tracing"
_DECORATORS = "traceloop.sdk.decorators.base"
#: How `Traceloop.init()` switches an instrumentor on, and those that it may.
_SWITCH = re.compile(r"init_(?!redis|requests|urllib3|pymysql)\w+_instrumentor")
_safely = contained("traceloop-sdk")


class SdkSeams:
    """The places of traceloop-sdk that are touched."""

    def __init__(self, calls: Calls, provider: trace.TracerProvider | None) -> None:
        self._calls = calls
        self._provider = provider

    def install(self, adapter: Adapter) -> None:
        """Wrap them as soon as the app has imported them."""

        def touch(module: str, path: str, wrapper: Wrapped) -> None:
            adapter.wrap(module, path, wrapper, required=False)

        adapter.when_imported(_TRACING, functools.partial(_take_over, adapter))
        touch(_TRACING, "TracerWrapper.verify_initialized", _initialized)
        touch(_TRACING, "set_conversation_id", self._conversation)
        touch(_DECORATORS, "get_tracer", self._tracer)
        touch(_DECORATORS, "_setup_span", self._entity)
        touch("traceloop.sdk", "set_association_properties", self._properties)
        touch("traceloop.sdk.associations.associations", "set_association_properties", self._properties)

    def _tracer(self, wrapped: Wrapped, _instance: Any, args: Any, kwargs: Any) -> Any:
        """Its own tracer once it is initialised. Asked before, it would count as initialised for ever."""
        if hasattr(sys.modules[_TRACING].TracerWrapper, "instance"):
            return wrapped(*args, **kwargs)
        return nullcontext(trace.get_tracer("traceloop.tracer", tracer_provider=self._provider))

    def _entity(self, wrapped: Wrapped, _instance: Any, args: Any, kwargs: Any) -> Any:
        """A decorated function begins. Its span takes its scope back out of the context when it ends."""
        opened = wrapped(*args, **kwargs)
        with _safely:
            self._lay(opened[0], *_named(*args, **kwargs))
        return opened

    def _lay(self, span: trace.Span, kind: str, name: str) -> None:
        said = of_entity(kind, name)
        if kind == "workflow" and self._begins_run(span):
            said = Scope(run=f"run-{uuid.uuid4().hex[:12]}").over(said)
        here = scope.inside(said)
        context.attach(here)
        span.set_attributes(scope.current(here).attributes())
        if kind == "agent":
            span.set_attribute(names.GEN_AI_OPERATION_NAME, "invoke_agent")

    def _begins_run(self, span: trace.Span) -> bool:
        """A workflow is a run of its own, unless a run was named or a request or task around it is one."""
        around = self._calls.lineage.run_of(span.get_span_context().span_id)
        return scope.current().run is None and around is None

    @staticmethod
    def _properties(wrapped: Wrapped, _instance: Any, args: Any, kwargs: Any) -> Any:
        result = wrapped(*args, **kwargs)
        with _safely:
            _attach(of_properties(args[0] if args else kwargs.get("properties")))
        return result

    @staticmethod
    def _conversation(wrapped: Wrapped, _instance: Any, args: Any, kwargs: Any) -> Any:
        token = wrapped(*args, **kwargs)
        with _safely:
            _attach(of_properties({"conversation_id": args[0] if args else kwargs.get("conversation_id")}))
        return token


def _attach(said: Scope) -> None:
    """Lay a scope over the context, for as long as what traceloop attached itself: its token undoes both."""
    if said != scope.EMPTY:
        context.attach(scope.inside(said))


def _named(entity_name: str, tlp_span_kind: Any, *_: Any, **__: Any) -> tuple[str, str]:
    return str(getattr(tlp_span_kind, "value", tlp_span_kind)), str(entity_name)


def _initialized(wrapped: Wrapped, owner: Any, args: Any, kwargs: Any) -> Any:
    """Decorators may make spans unless the app has switched traceloop off."""
    disabled = getattr(owner, "_TracerWrapper__disabled", False)
    if disabled or os.environ.get("TRACELOOP_TRACING_ENABLED", "true").lower() != "true":
        return wrapped(*args, **kwargs)
    return True


def _take_over(adapter: Adapter, tracing: ModuleType) -> None:
    """Let `Traceloop.init()` hear that instrumentors are switched on: ours to do, once their library is imported."""
    for name in filter(_SWITCH.fullmatch, vars(tracing).copy()):
        adapter.wrap(_TRACING, name, _left_alone, required=False)


def _left_alone(_wrapped: Wrapped, _instance: Any, _args: Any, _kwargs: Any) -> bool:
    return True
