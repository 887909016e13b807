"""The callback handler that hears of runs. Imported only after the app has imported langchain-core."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

from langchain_core.callbacks.base import BaseCallbackHandler
from typing_extensions import override

from spanledger.errors import contained
from spanledger.scope import Scope
from spanledger_instrumentation.langchain.reading import Graph, Start
from spanledger_instrumentation.langchain.runs import OpenRuns
from spanledger_instrumentation.langchain.seams import Visit
from spanledger_instrumentation.langchain.shapes import Place, Shape, chain_shape, retrieval_shape, tool_shape

_safely = contained("langchain-core")


class StructureHandler(BaseCallbackHandler):
    """Opens and closes runs. Sync and inline, so that it runs in the context of the code that starts the run."""

    run_inline = True
    raise_error = False
    ignore_llm = True
    ignore_chat_model = True
    ignore_retry = True
    ignore_custom_event = True

    def __init__(self, runs: OpenRuns, expected: dict[UUID, Graph]) -> None:
        self._runs = runs
        self._expected = expected

    def __copy__(self) -> StructureHandler:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> StructureHandler:
        return self

    def __reduce__(self) -> tuple[Callable[[], BaseCallbackHandler], tuple[()]]:
        """An app may pickle a config with our handler in it; in the other process it does nothing."""
        return BaseCallbackHandler, ()

    @override
    def on_chain_start(
        self,
        serialized: dict[str, Any],
        inputs: dict[str, Any],
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """A chain, graph or node begins."""
        with _safely:
            graph = self._expected.pop(run_id, None)
            name = kwargs.get("name") or (serialized or {}).get("name")
            start = Start(name, metadata or {}, tags or (), kwargs.get("run_type"), graph)

            def shaped(outer: Place | None, payer: Scope) -> Shape | None:
                return chain_shape(start, outer, payer)

            self._runs.start(run_id, parent_run_id, shaped)

    @override
    def on_tool_start(
        self,
        serialized: dict[str, Any],
        input_str: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        inputs: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """A tool begins."""
        with _safely:
            name = str((serialized or {}).get("name") or kwargs.get("name") or "tool")
            call_id = kwargs.get("tool_call_id")

            def shaped(outer: Place | None, payer: Scope) -> Shape:
                return tool_shape(name, call_id, metadata or {}, outer, payer)

            self._runs.start(run_id, parent_run_id, shaped)

    @override
    def on_retriever_start(
        self,
        serialized: dict[str, Any],
        query: str,
        *,
        run_id: UUID,
        parent_run_id: UUID | None = None,
        tags: list[str] | None = None,
        metadata: dict[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        """A retriever begins. It runs in this very context, so that its run is made current here."""
        with _safely:
            name = str(kwargs.get("name") or (serialized or {}).get("name") or "retriever")

            def shaped(outer: Place | None, payer: Scope) -> Shape:
                return retrieval_shape(name, metadata or {}, outer, payer)

            run = self._runs.start(run_id, parent_run_id, shaped)
            visit = Visit.innermost()
            if run is not None and visit is not None:
                visit.begin(run_id, run)

    def _returned(self, *_: Any, run_id: UUID, **__: Any) -> None:
        """A chain, graph, node, tool or retriever returned."""
        with _safely:
            self._runs.end(run_id)

    def _raised(self, error: BaseException, *, run_id: UUID, **_: Any) -> None:
        """It raised."""
        with _safely:
            self._runs.end(run_id, error)

    on_chain_end = on_tool_end = on_retriever_end = _returned
    on_chain_error = on_tool_error = on_retriever_error = _raised
