"""Which places of LangChain and LangGraph are touched, each once the app has imported it."""

from __future__ import annotations

import atexit
from contextvars import ContextVar
from types import ModuleType
from typing import Any

from opentelemetry import trace

from spanledger.call import Calls
from spanledger.errors import PASSING
from spanledger_instrumentation.adapter import Adapter, PatchPoint
from spanledger_instrumentation.langchain.caches import Caches
from spanledger_instrumentation.langchain.halts import Halts
from spanledger_instrumentation.langchain.runs import OpenRuns
from spanledger_instrumentation.langchain.seams import Seams

_MANAGERS = "langchain_core.callbacks.manager"
_HOOKS = "langchain_core.tracers.context"


class LangChainAdapter(Adapter):
    """Chains, agents, graph nodes, tools and retrievers as structure, and halts of graphs. Nothing is metered."""

    library = "langchain-core"

    def __init__(self, calls: Calls, *, provider: trace.TracerProvider | None = None) -> None:
        super().__init__(calls)
        self.runs = OpenRuns(provider)
        self._halts = Halts(calls, self.runs)

    def install(self) -> None:
        """Register the import hooks. Imports nothing of LangChain."""
        seams = Seams(self.runs)
        self._listen(seams)
        for kind in ("chain", "retriever"):  # a tool run has a wrapper of its own
            self._touch(_MANAGERS, f"CallbackManager.on_{kind}_start", seams.run_start)
            self._touch(_MANAGERS, f"AsyncCallbackManager.on_{kind}_start", seams.async_run_start)
        self._touch("langchain_core.runnables.config", "_set_config_context", seams.config_context)
        self._touch("langchain_core.tools.base", "BaseTool.run", seams.tool_run)
        self._touch("langchain_core.tools.base", "BaseTool.arun", seams.async_tool_run)
        self._touch("langchain_core.retrievers", "BaseRetriever.invoke", seams.retrieve)
        self._touch("langchain_core.retrievers", "BaseRetriever.ainvoke", seams.async_retrieve)
        models = "langchain_core.language_models"
        self._touch(f"{models}.chat_models", "BaseChatModel._generate_with_cache", seams.generate)
        self._touch(f"{models}.chat_models", "BaseChatModel._agenerate_with_cache", seams.async_generate)
        self._touch(f"{models}.llms", "BaseLLM._generate_helper", seams.generate)
        self._touch(f"{models}.llms", "BaseLLM._agenerate_helper", seams.async_generate)
        self._touch("langgraph._internal._runnable", "_set_config_context", seams.config_context)
        self._touch("langgraph.pregel.main", "Pregel._defaults", seams.graph_defaults)
        self._halt()
        self._cache()
        atexit.register(self.runs.reap)
        self._undo.append(lambda: atexit.unregister(self.runs.reap))

    def _halt(self) -> None:
        """Let halted runs stop their graphs."""
        halts, guard = self._halts, self.calls.guard
        if guard is not None:
            guard.on_refusal.append(halts.refused)
            self._undo.append(lambda: guard.on_refusal.remove(halts.refused))
        self.when_imported("langgraph.errors", self._let_pass)
        self._touch("langgraph.pregel._loop", "PregelLoop._first", halts.first)
        self._touch("langgraph.pregel._loop", "PregelLoop.tick", halts.tick)
        self._touch("langgraph.pregel.main", "Pregel.stream", halts.stream)
        self._touch("langgraph.pregel.main", "Pregel.astream", halts.astream)
        for make in ("_sync_retrying", "_async_retrying"):
            self._touch("langchain_core.runnables.retry", f"RunnableRetry.{make}", halts.retrying)

    def _cache(self) -> None:
        """Hear of caches: of those that there are when their base is imported, and of those to come."""
        caches = Caches(self.calls)
        self.when_imported("langchain_core.caches", caches.watch)
        self._undo.append(caches.leave)
        models = "langchain_core.language_models"
        self._touch(f"{models}.chat_models", "BaseChatModel._generate_with_cache", caches.answering)
        self._touch(f"{models}.chat_models", "BaseChatModel._agenerate_with_cache", caches.async_answering)
        self._touch(f"{models}.llms", "BaseLLM.generate", caches.answering)
        self._touch(f"{models}.llms", "BaseLLM.agenerate", caches.async_answering)

    def _let_pass(self, errors: ModuleType) -> None:
        PASSING.append(errors.GraphBubbleUp)
        self._undo.append(lambda: PASSING.remove(errors.GraphBubbleUp))

    def _touch(self, module: str, path: str, wrapper: Any) -> None:
        self.wrap(module, path, wrapper, required=False)

    def _listen(self, seams: Seams) -> None:
        """Make the handler part of every callback manager that LangChain configures, by the hook it has for that."""
        point = PatchPoint(_HOOKS, "register_configure_hook")
        self.points.append(point)

        def make(_: ModuleType) -> None:
            from spanledger_instrumentation.langchain.handler import StructureHandler  # noqa: PLC0415 - needs langchain

            seams.handler = StructureHandler(self.runs, seams.expected)

        def hook(tracing: ModuleType) -> None:
            point.state = "missing"
            present = ContextVar("spanledger_langchain", default=seams.handler)
            tracing.register_configure_hook(present, inheritable=True)
            point.state = "patched"
            self._undo.append(lambda: _unhook(tracing, present))

        self.when_imported(_MANAGERS, make)
        self.when_imported(_HOOKS, hook)


def _unhook(tracing: ModuleType, present: ContextVar[Any]) -> None:
    hooks = vars(tracing)["_configure_hooks"]
    hooks[:] = [hook for hook in hooks if hook[0] is not present]
