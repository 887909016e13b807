"""Whom a client calls."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from spanledger_instrumentation.clients.keys import fingerprint, given, secret_of

#: Providers by the end of the host name.
_HOSTS = (
    ("api.openai.com", "openai"),
    (".openai.azure.com", "azure.ai.openai"),
    (".services.ai.azure.com", "azure.ai.inference"),
    (".models.ai.azure.com", "azure.ai.inference"),
    (".cognitiveservices.azure.com", "azure.ai.openai"),
    ("aiplatform.googleapis.com", "gcp.vertex_ai"),
    ("generativelanguage.googleapis.com", "gcp.gemini"),
    (".amazonaws.com", "aws.bedrock"),
    ("api.anthropic.com", "anthropic"),
    ("api.cohere.com", "cohere"),
    ("api.cohere.ai", "cohere"),
    ("api.deepseek.com", "deepseek"),
    ("api.groq.com", "groq"),
    ("api.mistral.ai", "mistral_ai"),
    ("api.moonshot.ai", "moonshot_ai"),
    ("api.moonshot.cn", "moonshot_ai"),
    ("api.perplexity.ai", "perplexity"),
    ("api.x.ai", "x_ai"),
    ("openrouter.ai", "openrouter"),
    ("api.together.xyz", "together_ai"),
    ("api.fireworks.ai", "fireworks"),
    ("api.cerebras.ai", "cerebras"),
    (".cloud.databricks.com", "databricks"),
    ("router.huggingface.co", "hugging_face"),
)


class Whom(NamedTuple):
    """Whom a request is sent to, and by whose key: the provider, host and port, and the key's fingerprint."""

    provider: str
    host: str = ""
    port: int | None = None
    key: str | None = None


#: The base URL of each client, the hash of its key, and whom they name.
_KEPT: WeakKeyDictionary[Any, tuple[Any, int, Whom]] = WeakKeyDictionary()


def by_host(host: str) -> str | None:
    """`gen_ai.provider.name` of a base URL's host; None for a host that tells nothing."""
    for ending, name in _HOSTS:
        if host == ending or (host.endswith(ending) and (ending[0] == "." or host[-len(ending) - 1] in ".-")):
            return name
    return None


def of_class(client: Any, *fragment: str) -> bool:
    """Whether a class of the client has one of these in its name: the platforms of a SDK have clients of their own."""
    return any(piece in kind.__name__ for kind in type(client).__mro__ for piece in fragment)


def whom(client: Any, provider: Callable[[Any, str], str], headers: object = None) -> Whom:
    """Whom a client calls, kept for as long as client, base URL and key are the same.

    `provider` tells the provider of a client and a host; `headers` are those that the app gave to this one request.
    """
    url, secret = client.base_url, secret_of(client)
    kept = _KEPT.get(client)
    if kept is None or kept[0] is not url or kept[1] != hash(secret):
        found = Whom(provider(client, url.host), url.host, url.port, fingerprint(secret))
        kept = _KEPT[client] = (url, hash(secret), found)
    if isinstance(headers, Mapping) and headers and (other := given(headers)) is not None:
        return kept[2]._replace(key=fingerprint(other))
    return kept[2]
