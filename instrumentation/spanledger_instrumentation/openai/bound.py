"""Reads the worst case of an OpenAI request: how much it may read and write. Asked only where a budget counts it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from spanledger.bound import Bound
from spanledger_instrumentation.clients.estimates import cap
from spanledger_instrumentation.clients.shapes import mapping, mappings
from spanledger_instrumentation.clients.sizes import size
from spanledger_instrumentation.openai.request import Api

#: What the completions API writes where no cap is given (platform.openai.com, "Create completion", `max_tokens`).
LEGACY_CAP = 16
#: The field that caps the output, by API.
CAPS: Mapping[Api, str] = {
    "chat": "max_completion_tokens",
    "completions": "max_tokens",
    "responses": "max_output_tokens",
}
#: Parts of a prompt that stand for more than their bytes.
_UNSEEN = frozenset(
    {"image_url", "input_image", "image_file", "file", "input_file", "input_audio", "computer_screenshot"}
)
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
        output=_output(body),
        choices=_choices(body),
        passes=_passes(body),
        several=api in _MANY_INPUTS,
        text_only=not (kinds & _UNSEEN) and "audio" not in (body.get("modalities") or ()),
        lasting=body.get("background") is True,
    )


def _kinds(value: object) -> Iterator[str]:
    """The types of all parts of a prompt."""
    for item in mappings(value):
        if isinstance(kind := item.get("type"), str):
            yield kind
        for inner in ("content", "output"):
            yield from _kinds(item.get(inner))


def _output(body: Mapping[str, Any]) -> int | None:
    """The cap, and the prediction on top: what of it is rejected counts as output and may exceed the cap."""
    found = cap(body)
    predicted = body.get("prediction")
    return found if found is None or not predicted else found + size(mapping(predicted))


def _choices(body: Mapping[str, Any]) -> int:
    asked = [value for key in ("n", "best_of") if isinstance(value := body.get(key), int)]
    prompts = body.get("prompt")
    several = len(prompts) if isinstance(prompts, list) and prompts and not isinstance(prompts[0], int) else 1
    return max([1, *asked]) * several


def _passes(body: Mapping[str, Any]) -> int | None:
    served = any(tool.get("type") not in _OWN_TOOLS for tool in mappings(body.get("tools")))
    if not served and not body.get("web_search_options"):
        return 1
    most = body.get("max_tool_calls")
    return most + 1 if isinstance(most, int) else None
