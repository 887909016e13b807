"""A fresh process that imports openai, sets up what its argument names, and prints what that took as one JSON line."""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable

#: Top-level modules of frameworks that an app may have installed and not use.
FRAMEWORKS = (
    "agents", "anthropic", "autogen", "boto3", "celery", "chromadb", "cohere", "crewai", "django", "dspy", "fastapi",
    "flask", "gunicorn", "haystack", "huggingface_hub", "kombu", "langchain", "langchain_core", "langchain_openai",
    "langgraph", "langsmith", "litellm", "llama_index", "mcp", "mistralai", "numpy", "ollama", "pandas", "pinecone",
    "pydantic_ai", "qdrant_client", "redis", "smolagents", "sqlalchemy", "starlette", "strands", "tiktoken",
    "tokenizers", "torch", "transformers", "uvicorn", "websockets",
)  # fmt: skip


#: Modules whose `init` is measured, by mode.
_MODES = {"openai": None, "sdk": "bench.otlp", "spanledger": "spanledger"}


def _cpu(act: Callable[[], object]) -> float:
    began = time.process_time()
    act()
    return time.process_time() - began


def main(mode: str) -> None:
    """Measure one start. Ends the process at once, so that no exporter sends anything."""
    openai = importlib.import_module("openai")
    wall, cpu = time.perf_counter(), time.process_time()
    if module := _MODES[mode]:
        importlib.import_module(module).init()
    found: dict[str, object] = {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}
    found["modules"] = sorted(sys.modules)
    found["total_cpu"] = time.process_time()
    found["installed"] = sum(1 for name in FRAMEWORKS if importlib.util.find_spec(name) is not None)
    chat = importlib.import_module("bench.subjects").calls(openai)["chat"]
    found["first"] = _cpu(chat) - _cpu(chat)
    print(json.dumps(found), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
