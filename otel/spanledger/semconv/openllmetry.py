"""OpenLLMetry's instrumentors, as traceloop-sdk 0.62 brings them, and the modules after whose import each has work.

None of them is loaded before the app imports such a module. Left out are those whose calls adapters of ours meter:
openai, anthropic, langchain and litellm.
"""

from __future__ import annotations

from typing import NamedTuple

_HOME = "opentelemetry.instrumentation."


class Instrumentor(NamedTuple):
    """An instrumentor: where it lives, its class, and the modules that it waits for.

    A module is named below its package where the package alone loads none of what is wrapped, as with `transformers`.
    `known_by` is a module that came with it, where the name alone says little: an app may have an `agents` of its own.
    """

    package: str
    kind: str
    waits_for: tuple[str, ...]
    known_by: str | None = None

    @property
    def module(self) -> str:
        """The module that defines it."""
        return _HOME + self.package


INSTRUMENTORS = (
    Instrumentor("agno", "AgnoInstrumentor", ("agno.agent",)),
    Instrumentor("alephalpha", "AlephAlphaInstrumentor", ("aleph_alpha_client",)),
    Instrumentor("bedrock", "BedrockInstrumentor", ("botocore.session",)),
    Instrumentor("chromadb", "ChromaInstrumentor", ("chromadb",)),
    Instrumentor("cohere", "CohereInstrumentor", ("cohere",)),
    Instrumentor("crewai", "CrewAIInstrumentor", ("crewai",)),
    Instrumentor("google_generativeai", "GoogleGenerativeAiInstrumentor", ("google.genai",)),
    Instrumentor("groq", "GroqInstrumentor", ("groq",)),
    Instrumentor("haystack", "HaystackInstrumentor", ("haystack",)),
    Instrumentor("lancedb", "LanceInstrumentor", ("lancedb",)),
    Instrumentor("llamaindex", "LlamaIndexInstrumentor", ("llama_index.core",)),
    Instrumentor("marqo", "MarqoInstrumentor", ("marqo",)),
    Instrumentor("mcp", "McpInstrumentor", ("mcp",)),
    Instrumentor("milvus", "MilvusInstrumentor", ("pymilvus",)),
    Instrumentor("mistralai", "MistralAiInstrumentor", ("mistralai",)),
    Instrumentor("ollama", "OllamaInstrumentor", ("ollama",)),
    Instrumentor("openai_agents", "OpenAIAgentsInstrumentor", ("agents",), known_by="agents.tracing"),
    Instrumentor("pinecone", "PineconeInstrumentor", ("pinecone",)),
    Instrumentor("qdrant", "QdrantInstrumentor", ("qdrant_client",)),
    Instrumentor("replicate", "ReplicateInstrumentor", ("replicate",)),
    Instrumentor("sagemaker", "SageMakerInstrumentor", ("botocore.session",)),
    Instrumentor("together", "TogetherAiInstrumentor", ("together",)),
    Instrumentor("transformers", "TransformersInstrumentor", ("transformers.pipelines.text_generation",)),
    Instrumentor("vertexai", "VertexAIInstrumentor", ("vertexai.generative_models",)),
    Instrumentor("voyageai", "VoyageAIInstrumentor", ("voyageai",)),
    Instrumentor(
        "watsonx",
        "WatsonxInstrumentor",
        ("ibm_watson_machine_learning.foundation_models", "ibm_watsonx_ai.foundation_models"),
    ),
    Instrumentor("weaviate", "WeaviateInstrumentor", ("weaviate",)),
    Instrumentor("writer", "WriterInstrumentor", ("writerai",)),
)
#: The modules that define them.
MODULES = frozenset(instrumentor.module for instrumentor in INSTRUMENTORS)
