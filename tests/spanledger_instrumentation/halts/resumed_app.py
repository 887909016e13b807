"""An app that knows nothing of budgets but their exception: a graph with a checkpointer. Not a test."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any

from langchain_openai import ChatOpenAI
from langgraph.checkpoint.postgres import PostgresSaver
from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
from langgraph.checkpoint.sqlite import SqliteSaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from opentelemetry import trace
from tests.spanledger_instrumentation.halts.graphs import Nodes, row

import spanledger


def main(where: str, given: dict[str, Any], way: str) -> dict[str, Any]:
    nodes = Nodes(ChatOpenAI(model="gpt-4o-mini", max_retries=0, max_completion_tokens=100))
    said: dict[str, Any] = {"error": None, "done": None}
    config = {"configurable": {"thread_id": given["thread"]}}
    with trace.get_tracer("app").start_as_current_span("main") as span:
        said["trace"] = span.get_span_context().trace_id
        try:
            if way == "invoke":
                said["done"] = sync(where, nodes, given["input"], config)["done"]
            else:
                said["done"] = asyncio.run(later(where, nodes, given["input"], config))["done"]
        except spanledger.BudgetExceeded as error:
            said |= {"error": error.kind, "run": error.window}
    return {**said, "ran": nodes.ran}


def sync(where: str, nodes: Nodes, given: Any, config: Any) -> Any:
    made: Any = PostgresSaver if where.startswith("postgresql:") else SqliteSaver
    with made.from_conn_string(where) as saver:
        saver.setup()
        return row(nodes, "abcd", checkpointer=saver).invoke(given, config)


async def later(where: str, nodes: Nodes, given: Any, config: Any) -> Any:
    made: Any = AsyncPostgresSaver if where.startswith("postgresql:") else AsyncSqliteSaver
    async with made.from_conn_string(where) as saver:
        await saver.setup()
        return await row(nodes, "abcd", later=True, checkpointer=saver).ainvoke(given, config)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(sys.argv[1], json.loads(sys.argv[2]), sys.argv[3])))
