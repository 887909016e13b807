"""Reads the worst case of an OpenAI request: how much it may read and write. Asked only where a budget counts it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spanledger.bound import Bound
from spanledger_instrumentation.clients.estimates import cap
from spanledger_instrumentation.clients.shapes import at_most, mapping, mappings, natural
from spanledger_instrumentation.clients.sizes import size
from spanledger_instrumentation.openai.request import Api

#: What the completions API writes where no cap is given (platform.openai.com, "Create completion", `max_tokens`).
LEGACY_CAP = 16
#: The fields that cap the output, by API; the first is the one that is put in.
_CAPS: Mapping[str, tuple[str, ...]] = {
    "chat": ("max_completion_tokens", "max_tokens"),
    "completions": ("max_tokens",),
    "responses": ("max_output_tokens",),
}
#: Providers whose chat knows but the older name of that field: they pass over the newer one, or take offence at it.
_OLDER = frozenset(
    {
        "azure.ai.inference", "cohere", "databricks", "deepseek", "fireworks", "hugging_face", "mistral_ai",
        "moonshot_ai", "perplexity", "together_ai",
    }
)  # fmt: skip
#: Parts of a prompt that stand for more than their bytes.
_UNSEEN = frozenset(
    {
        "image_url",
        "input_image",
        "image_file",
        "file",
        "input_file",
        "input_audio",
        "computer_screenshot",
        "image_generation_call",
        "item_reference",
        "compaction",
    }
)
#: Tools whose use costs more than the tokens that the model itself reads and writes.
_DEAR_TOOLS = frozenset({"image_generation"})
#: Fields that stand for text which the provider keeps.
_KEPT = ("previous_response_id", "conversation")
#: Tools that the app runs itself; all others the provider runs, and asks the model again with what they brought.
_OWN_TOOLS = frozenset({"function", "custom", "local_shell", "apply_patch"})
_MANY_INPUTS = frozenset({"embeddings", "completions", "moderations"})


def one_pass(api: Api, body: Mapping[str, Any]) -> bool:
    """Whether the model reads one prompt, once, and writes one answer: only then its window bounds the sums."""
    found = bound(api, body, None)
    return api in ("chat", "responses") and (found.passes, found.choices, found.several) == (1, 1, False)


def bound(api: Api, body: Mapping[str, Any], bytes_sent: int | None) -> Bound:
    """The worst case of a request whose body has so many bytes."""
    if api in ("embeddings", "moderations"):
        return Bound(bytes_sent, 0, several=True)
    kinds = set(_kinds(body.get("messages") or body.get("input")))
    unseen = bool(kinds & _UNSEEN) or any(body.get(key) for key in _KEPT) or isinstance(body.get("prompt"), Mapping)
    return Bound(
        size=None if unseen or bytes_sent is None else bytes_sent,
        output=_output(api, body),
        choices=_choices(body),
        passes=_passes(body),
        several=api in _MANY_INPUTS,
        text_only=not (kinds & _UNSEEN) and "audio" not in (body.get("modalities") or ()),
        lasting=body.get("background") is True,
    )


def _kinds(value: object) -> Iterator[str]:
    """The types of all parts of a prompt; an answer that was spoken is sent again as the id of its audio."""
    for item in [value] if isinstance(value, Mapping) else mappings(value):
        if isinstance(kind := item.get("type"), str):
            yield kind
        if item.get("audio"):
            yield "input_audio"
        for inner in ("content", "output"):
            yield from _kinds(item.get(inner))


def cap_field(api: str, provider: str, body: Mapping[str, Any]) -> str | None:
    """The field to put a cap into; None where the API has none.

    A field that is there already and caps nothing is filled: providers refuse requests with two of them.
    """
    fields = _CAPS.get(api)
    if fields is None:
        return None
    there = next((field for field in fields if body.get(field) is not None), None)
    return there or fields[-1 if provider in _OLDER else 0]


def _output(api: Api, body: Mapping[str, Any]) -> int | None:
    """The cap, and the prediction on top: what of it is rejected counts as output and may exceed the cap."""
    scores = api == "completions" and at_most(body.get("max_tokens")) == 0  # a prompt is echoed, nothing is written
    found = 0 if scores else cap(body, _CAPS.get(api, ()))
    predicted = body.get("prediction")
    return found if found is None or not predicted else found + size(mapping(predicted))


def _choices(body: Mapping[str, Any]) -> int:
    asked = [value for key in ("n", "best_of") if (value := natural(body.get(key))) is not None]
    prompts = body.get("prompt")
    several = len(prompts) if isinstance(prompts, (list, tuple)) and prompts and not isinstance(prompts[0], int) else 1
    return max([1, *asked]) * several


def _passes(body: Mapping[str, Any]) -> int | None:
    """How often the prompt is read. A prompt that the provider keeps has tools of its own, unless others are named."""
    kinds = {tool.get("type") for tool in mappings(body.get("tools"))}
    kept = isinstance(body.get("prompt"), Mapping) and "tools" not in body
    if not (kinds - _OWN_TOOLS or body.get("web_search_options") or kept):
        return 1
    most = at_most(body.get("max_tool_calls"))
    return None if most is None or kinds & _DEAR_TOOLS else most + 1
