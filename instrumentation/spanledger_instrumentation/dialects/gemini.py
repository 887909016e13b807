"""Reads answers of Gemini, on Google's own API and on Vertex: `generateContent`, embeddings, and Vertex's `predict`.

Prompt tokens include cached ones; candidates exclude thoughts; what tools gave to read comes on top of the prompt
(https://ai.google.dev/api/generate-content#UsageMetadata). In streams the counts are cumulative.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanledger.usage import Units, Usage, count
from spanledger_instrumentation.clients.counts import number, usable
from spanledger_instrumentation.clients.shapes import mapping, mappings, text
from spanledger_instrumentation.dialects.reading import Dialect, Seen

#: Kinds of tokens: by name, and by the number that some clients write instead.
_KINDS = {"IMAGE": "image", "VIDEO": "video", "AUDIO": "audio", 2: "image", 3: "video", 4: "audio"}
#: Tiers by Vertex's kind of traffic.
_TRAFFIC = {"ON_DEMAND_PRIORITY": "priority", "ON_DEMAND_FLEX": "flex"}
#: Models for which grounding is charged by the prompt. Later ones are charged by the search.
_BY_PROMPT = ("gemini-1", "gemini-2")


def _kinds(details: object) -> dict[str, int]:
    found: dict[str, int] = {}
    for entry in mappings(details):
        modality = entry.get("modality")
        kind = _KINDS.get(modality) if isinstance(modality, (str, int)) else None
        if kind:
            found[kind] = found.get(kind, 0) + count(entry.get("tokenCount"))
    return found


def usage(block: Mapping[str, Any]) -> Usage | None:
    """The tokens of a `usageMetadata`; `searches`, `maps` and `images` are what `note` has put beside it."""
    prompt = number(block, "promptTokenCount")
    written = number(block, "candidatesTokenCount", "responseTokenCount")
    thoughts, tools = count(block.get("thoughtsTokenCount")), count(block.get("toolUsePromptTokenCount"))
    images = count(block.get("images"))
    if prompt is None and written is None and not (thoughts or images or block.get("totalTokenCount")):
        return None
    into, cached = _kinds(block.get("promptTokensDetails")), _kinds(block.get("cacheTokensDetails"))
    read = _kinds(block.get("toolUsePromptTokensDetails"))
    out = _kinds(block.get("candidatesTokensDetails") or block.get("responseTokensDetails"))
    total = count(block.get("totalTokenCount"))
    units = Units(images=images, maps_searches=count(block.get("maps")))
    return usable(
        Usage(
            input=(prompt or 0) + tools,
            output=(written or 0) + thoughts,
            cache_read=count(block.get("cachedContentTokenCount")),
            reasoning=thoughts,
            input_tool=tools,
            input_audio=into.get("audio", 0) + read.get("audio", 0),
            input_image=into.get("image", 0) + read.get("image", 0),
            input_video=into.get("video", 0) + read.get("video", 0),
            cache_read_audio=cached.get("audio", 0),
            cache_read_image=cached.get("image", 0),
            output_audio=out.get("audio", 0),
            output_image=out.get("image", 0),
            output_video=out.get("video", 0),
            web_searches=count(block.get("searches")),
            reported_total=total if total > (prompt or 0) + tools + (written or 0) + thoughts else 0,
        ),
        units,
    )


def note(seen: Seen, found: Mapping[str, Any]) -> None:
    """Read a `GenerateContentResponse`, an answer about embeddings, or predictions."""
    block = mapping(found.get("usageMetadata")) or mapping(mapping(found.get("metadata")).get("usageMetadata"))
    seen.count(block)
    seen.model = text(found.get("modelVersion")) or seen.model
    seen.id = text(found.get("responseId")) or seen.id
    seen.tier = text(block.get("serviceTier")) or _TRAFFIC.get(str(block.get("trafficType"))) or seen.tier
    if error := mapping(found.get("error")):
        seen.fail(error, error.get("status") or error.get("code") or "error")
    if mapping(found.get("promptFeedback")).get("blockReason"):
        seen.finish(mapping(found["promptFeedback"])["blockReason"])
    for candidate in mappings(found.get("candidates")):
        _candidate(seen, candidate)
    _predictions(seen, found)


def _candidate(seen: Seen, candidate: Mapping[str, Any]) -> None:
    for part in mappings(mapping(candidate.get("content")).get("parts")):
        called = mapping(part.get("functionCall"))
        seen.call(called.get("name"))
        seen.say(part.get("text"), called.get("args"), mapping(part.get("executableCode")).get("code"))
    seen.finish(candidate.get("finishReason"))
    grounding = mapping(candidate.get("groundingMetadata"))
    queries = grounding.get("webSearchQueries")
    if isinstance(queries, list) and (asked := len([q for q in queries if q])):
        fee = 1 if (seen.model or "").startswith(_BY_PROMPT) else asked
        seen.counts["searches"] = max(fee, count(seen.counts.get("searches")))
    if any("maps" in chunk for chunk in mappings(grounding.get("groundingChunks"))):
        seen.counts["maps"] = 1


def _predictions(seen: Seen, found: Mapping[str, Any]) -> None:
    """Vertex's `predict`: embeddings tell the tokens of each text, Imagen returns pictures."""
    for prediction in mappings(found.get("predictions")):
        tokens = mapping(mapping(prediction.get("embeddings")).get("statistics")).get("token_count")
        if isinstance(tokens, (int, float)):
            seen.counts["promptTokenCount"] = count(seen.counts.get("promptTokenCount")) + count(tokens)
        elif "bytesBase64Encoded" in prediction or str(prediction.get("mimeType")).startswith("image/"):
            seen.counts["images"] = count(seen.counts.get("images")) + 1


def asked(body: Mapping[str, Any]) -> dict[str, Any]:
    """The prompt and cap of a request."""
    keys = ("contents", "content", "requests", "instances", "systemInstruction", "system_instruction", "tools")
    config = mapping(body.get("generationConfig")) or mapping(body.get("generation_config"))
    return {"prompt": [body.get(key) for key in keys], "max_tokens": config.get("maxOutputTokens")}


GEMINI = Dialect(note, usage, asked)
