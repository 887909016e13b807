"""How providers word their answers. `DIALECTS` names each family's; `reading` has the readers that understand them.

Families that speak OpenAI's language are read by `spanledger_instrumentation.openai`.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from spanledger_instrumentation.dialects.bedrock import CONVERSE, INVOKE
from spanledger_instrumentation.dialects.cohere import COHERE
from spanledger_instrumentation.dialects.gemini import GEMINI
from spanledger_instrumentation.dialects.local import LLAMA_SERVER, OLLAMA, TEXT_GENERATION
from spanledger_instrumentation.dialects.reading import Dialect, PlainReader, StreamReader

__all__ = ["DIALECTS", "Dialect", "PlainReader", "StreamReader"]

DIALECTS: Mapping[str, Dialect] = MappingProxyType(
    {
        "gemini": GEMINI,
        "bedrock.converse": CONVERSE,
        "bedrock.invoke": INVOKE,
        "cohere": COHERE,
        "ollama": OLLAMA,
        "llama_server": LLAMA_SERVER,
        "text_generation": TEXT_GENERATION,
    }
)
