"""Which model API the app talks to: the real one where there is a key, otherwise a simulated one."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

from pydantic import SecretStr

from provider import serve

SIMULATED_KEY = "sk-simulated"


@dataclass(frozen=True)
class Backend:
    """Where the models are, and the key to them."""

    base_url: str | None
    """None is OpenAI itself."""
    api_key: SecretStr


@contextmanager
def backend(environ: Mapping[str, str]) -> Iterator[Backend]:
    """The model API for as long as the block lasts.

    `OPENAI_BASE_URL` names it; without that, `OPENAI_API_KEY` opens OpenAI; with neither, a simulated
    provider starts in this process.
    """
    base_url, key = environ.get("OPENAI_BASE_URL"), environ.get("OPENAI_API_KEY")
    if base_url or key:
        yield Backend(base_url or None, SecretStr(key or SIMULATED_KEY))
    else:
        with serve() as provider:
            yield Backend(provider.base_url, SecretStr(SIMULATED_KEY))
