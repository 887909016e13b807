"""A simulated provider on loopback, OpenAI's API and Anthropic's: the real wire format, and a bill that is the truth.

    with serve() as provider:
        client = openai.OpenAI(base_url=provider.base_url, api_key="sk-simulated")
        ...
        provider.bill()

Answers depend on the prompt alone. Faults, delays and exact usage come on wish: see `wishes.py`
and `faults.py`.
"""

from provider.running import Provider, serve
from provider.settings import Settings

__all__ = ["Provider", "Settings", "serve"]
