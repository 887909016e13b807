"""Reads answers of Amazon Bedrock: `Converse`, and `InvokeModel`, whose bodies are those of each family of models.

Input leaves out what was read from and written to a cache
(https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_TokenUsage.html).
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Any

from spanledger.usage import Usage, count
from spanledger_instrumentation.anthropic.usage import merged
from spanledger_instrumentation.anthropic.usage import read_usage as anthropic_usage
from spanledger_instrumentation.clients.counts import digits, inclusive, number, usable
from spanledger_instrumentation.clients.framing import Messages, document
from spanledger_instrumentation.clients.shapes import mapping, mappings, text
from spanledger_instrumentation.dialects.reading import Dialect, Seen
from spanledger_instrumentation.openai.usage import read_usage

#: Lifetimes of cache writes that are the default.
_SHORT = "5m"
#: What the last record of an invocation holds, whatever the model.
_METRICS = "amazon-bedrock-invocationMetrics"


def converse_usage(block: Mapping[str, Any]) -> Usage | None:
    """The tokens of a `TokenUsage`."""
    tokens_in, tokens_out = number(block, "inputTokens"), number(block, "outputTokens")
    if tokens_in is None and tokens_out is None:
        return None
    written = list(mappings(block.get("cacheDetails")))
    long = sum(count(entry.get("inputTokens")) for entry in written if entry.get("ttl") != _SHORT)
    found = Usage(
        input=tokens_in or 0,
        output=tokens_out or 0,
        cache_read=number(block, "cacheReadInputTokens", "cacheReadInputTokenCount") or 0,
        cache_write=number(block, "cacheWriteInputTokens", "cacheWriteInputTokenCount") or 0,
        cache_write_long=long,
    )
    return inclusive(found, number(block, "totalTokens"))


def note_converse(seen: Seen, found: Mapping[str, Any]) -> None:
    """Read an answer of `Converse`, or an event of `ConverseStream`."""
    told = mapping(found.get("metadata")) or found
    seen.count(told.get("usage"))
    seen.complete = seen.complete or "metadata" in found
    seen.tier = text(mapping(told.get("serviceTier")).get("type")) or seen.tier
    routed = mapping(mapping(told.get("trace")).get("promptRouter"))
    seen.model = text(routed.get("invokedModelId")) or seen.model
    seen.finish(found.get("stopReason") or mapping(found.get("messageStop")).get("stopReason"))
    for block in mappings(mapping(mapping(found.get("output")).get("message")).get("content")):
        _content(seen, block)
    _content(seen, mapping(mapping(found.get("contentBlockStart")).get("start")))
    _content(seen, mapping(mapping(found.get("contentBlockDelta")).get("delta")))
    _failure(seen, found)


def _content(seen: Seen, block: Mapping[str, Any]) -> None:
    tool, thought = mapping(block.get("toolUse")), mapping(block.get("reasoningContent"))
    seen.call(tool.get("name"))
    thought = mapping(thought.get("reasoningText")) or thought
    seen.say(block.get("text"), tool.get("input"), thought.get("text"))


def _failure(seen: Seen, found: Mapping[str, Any]) -> None:
    """An exception that came as a message of the stream."""
    for name, value in found.items():
        if name.endswith(("Exception", "Error")) and "message" in mapping(value):
            seen.fail(value, name)


def asked_converse(body: Mapping[str, Any]) -> dict[str, Any]:
    """The prompt and cap of a request."""
    prompt = [body.get(key) for key in ("messages", "system", "toolConfig")]
    return {"prompt": prompt, "max_tokens": mapping(body.get("inferenceConfig")).get("maxTokens")}


CONVERSE = Dialect(note_converse, converse_usage, asked_converse, Messages)


def _anthropic(block: Mapping[str, Any]) -> Usage | None:
    return anthropic_usage(block) if "input_tokens" in block else None


def _titan(block: Mapping[str, Any]) -> Usage | None:
    tokens_in = number(block, "inputTextTokenCount")
    tokens_out = number(block, "totalOutputTextTokenCount", "tokenCount")
    return None if tokens_in is None else usable(Usage(input=tokens_in, output=tokens_out or 0))


def _llama(block: Mapping[str, Any]) -> Usage | None:
    tokens_in, tokens_out = number(block, "prompt_token_count"), number(block, "generation_token_count")
    return None if tokens_in is None else usable(Usage(input=tokens_in, output=tokens_out or 0))


def _measured(block: Mapping[str, Any]) -> Usage | None:
    """What Bedrock itself counted: in the last record of a stream, or in the headers."""
    prefix = "x-amzn-bedrock-"
    tokens_in = _whole(block, "inputTokenCount", prefix + "input-token-count")
    tokens_out = _whole(block, "outputTokenCount", prefix + "output-token-count")
    if tokens_in is None and tokens_out is None:
        return None
    found = Usage(
        input=tokens_in or 0,
        output=tokens_out or 0,
        cache_read=_whole(block, "cacheReadInputTokenCount", prefix + "cache-read-input-token-count") or 0,
        cache_write=_whole(block, "cacheWriteInputTokenCount", prefix + "cache-write-input-token-count") or 0,
    )
    return inclusive(found, None)


def _whole(block: Mapping[str, Any], key: str, header: str) -> int | None:
    found = number(block, key)
    return digits(block.get(header)) if found is None else found


#: The first that finds anything is believed: the model's own counts say more than Bedrock's.
_FAMILIES: tuple[Callable[[Mapping[str, Any]], Usage | None], ...] = (
    converse_usage, _anthropic, read_usage, _titan, _llama, _measured,
)  # fmt: skip


def invoke_usage(block: Mapping[str, Any]) -> Usage | None:
    """The tokens of an invocation, in the words of whatever family they are in."""
    return next((found for read in _FAMILIES if (found := read(block)) is not None), None)


def note_invoke(seen: Seen, found: Mapping[str, Any]) -> None:
    """Read an answer of `InvokeModel`, or a message of `InvokeModelWithResponseStream`."""
    packed = mapping(found.get("chunk")).get("bytes")
    if isinstance(packed, str):
        found = _unpacked(packed)
    _failure(seen, found)
    for block in (found, mapping(found.get("message")), mapping(found.get("metadata"))):
        seen.counts = merged(seen.counts, block.get("usage"))
        seen.model = text(block.get("model")) or seen.model
        seen.id = text(block.get("id")) or seen.id
    seen.count({key: found.get(key) for key in _COUNTS})
    for result in mappings(found.get("results")):  # of Titan
        seen.counts["tokenCount"] = count(seen.counts.get("tokenCount")) + count(result.get("tokenCount"))
        seen.finish(result.get("completionReason"))
        seen.say(result.get("outputText"))
    seen.count(found.get(_METRICS))
    seen.complete = seen.complete or _METRICS in found
    _written(seen, found)


#: Counts that stand in the document itself: of Titan and of Llama.
_COUNTS = ("inputTextTokenCount", "totalOutputTextTokenCount", "prompt_token_count", "generation_token_count")


def _unpacked(packed: str) -> Mapping[str, Any]:
    try:
        return mapping(document(base64.b64decode(packed)))
    except ValueError:
        return {}


def _written(seen: Seen, found: Mapping[str, Any]) -> None:
    """What the model wrote and why it stopped, wherever the families put it."""
    delta = mapping(found.get("delta"))
    seen.finish(
        found.get("stop_reason") or found.get("finish_reason") or found.get("stopReason") or delta.get("stop_reason")
        or found.get("completionReason") or mapping(found.get("messageStop")).get("stopReason")
    )  # fmt: skip
    seen.say(*(found.get(key) for key in ("completion", "generation", "outputText", "text")))
    seen.say(*(delta.get(key) for key in ("text", "thinking", "partial_json")))
    for piece in (*mappings(found.get("content")), mapping(found.get("content_block"))):
        seen.call(piece.get("name"))
        seen.say(piece.get("text"), piece.get("thinking"), piece.get("input"))
    for piece in (*mappings(found.get("outputs")), *mappings(found.get("generations"))):
        seen.finish(piece.get("stop_reason") or piece.get("finish_reason"))
        seen.say(piece.get("text"))
    for choice in mappings(found.get("choices")):
        seen.finish(choice.get("finish_reason") or choice.get("stop_reason"))
        seen.say(mapping(choice.get("message")) or mapping(choice.get("delta")) or choice.get("text"))
    _content(seen, mapping(mapping(found.get("contentBlockDelta")).get("delta")))
    for block in mappings(mapping(mapping(found.get("output")).get("message")).get("content")):
        _content(seen, block)


def asked_invoke(body: Mapping[str, Any]) -> dict[str, Any]:
    """The prompt and cap of a request, wherever the families put them."""
    prompt = [body.get(key) for key in ("messages", "system", "tools", "prompt", "inputText", "message", "texts")]
    config = mapping(body.get("textGenerationConfig")) or mapping(body.get("inferenceConfig"))
    caps = ("max_tokens", "max_tokens_to_sample", "max_gen_len", "max_completion_tokens", "maxTokens")
    cap = number(body, *caps) or number(config, "maxTokenCount", "maxTokens", "max_new_tokens")
    return {"prompt": prompt, "max_tokens": cap}


INVOKE = Dialect(note_invoke, invoke_usage, asked_invoke, Messages)
