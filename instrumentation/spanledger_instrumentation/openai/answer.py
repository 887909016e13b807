"""Reads OpenAI's plain answers: a body as bytes in, an `Answer` out. Pure, and indifferent to malformed bodies."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from spanledger.messages import Answer
from spanledger.semconv import names
from spanledger.usage import Usage
from spanledger_instrumentation.clients.answers import ProviderError, finish, valid_json
from spanledger_instrumentation.clients.estimates import texts
from spanledger_instrumentation.clients.shapes import mapping, mappings, text
from spanledger_instrumentation.clients.tokens import tokenizer
from spanledger_instrumentation.openai import content
from spanledger_instrumentation.openai.bound import guessed, one_pass
from spanledger_instrumentation.openai.request import Api, wants_json
from spanledger_instrumentation.openai.units import with_search, with_tools
from spanledger_instrumentation.openai.usage import read_usage

_decoder = json.JSONDecoder()
#: Status of a response that is still being worked on: it has no usage yet, and none is estimated.
PENDING = ("queued", "in_progress")
#: Status of a response that came to nothing. If there was anything to pay, its usage says so.
BROKEN = ("failed", "cancelled")
#: What the client raises for an error in a stream.
STREAM_ERROR = "openai.APIError"


class PlainReader:
    """Reads the answer to one request."""

    def __init__(self, api: Api, body: Mapping[str, Any], *, capture: bool = False) -> None:
        self._api = api
        self._body = body
        self._capture = capture

    def whole(self, body: bytes) -> Answer:
        """Read a complete body. A body that cannot be read is an answer whose usage has to be estimated."""
        if self._api == "embeddings":
            return self._embeddings(body)
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        return self.parsed(found if isinstance(found, dict) else {})

    def parsed(self, found: dict[str, Any]) -> Answer:
        """Read a body that has been parsed."""
        if self._api == "moderations":
            return Answer(model=text(found.get("model")), attributes=_identity(found))
        usage = read_usage(found.get("usage") or mapping(found.get("x_groq")).get("usage") or found.get("timings"))
        model, is_response = text(found.get("model")), self._api == "responses"
        if usage is not None:
            usage = with_tools(usage, found) if is_response else with_search(usage, model)
        reader = _response if is_response else _chat
        attributes = reader(found, wants_json(self._body))
        if self._capture:
            attributes |= content.answered(found)
        status, error = found.get("status"), None
        if is_response and status in BROKEN:
            reported = mapping(found.get("error"))
            error = ProviderError(reported or status, text(reported.get("code")) or str(status))
        elif usage is None and status not in PENDING:
            usage = self._estimate(found)
        told = text(found.get("service_tier"))
        return Answer(usage, model, told, attributes, error, lambda: self._instead(found))

    def _instead(self, found: dict[str, Any]) -> Usage | None:
        return self._estimate(found) if one_pass(self._api, self._body) else None

    def _estimate(self, found: dict[str, Any]) -> Usage:
        pieces = [piece for choice in mappings(found.get("choices")) for piece in written(choice)]
        pieces += texts(found.get("output"), _LABELS)
        family = tokenizer(found.get("model"))
        seen = family.billed(family.written(pieces), _calls(found), whole=True)
        return guessed(self._api, self._body, seen, 0.0, given_up=False)

    def partial(self, elapsed: float) -> Answer:
        """An answer that was never read: the model has worked, but nobody knows how much. A budget charges the hold."""
        if self._api == "moderations":
            return Answer()
        return Answer(replace(guessed(self._api, self._body, 0, elapsed, given_up=True), suspect=True))

    def _embeddings(self, body: bytes) -> Answer:
        """Vectors are large: only what stands around them is parsed."""
        usage = read_usage(_object_after(body, b'"usage"'))
        attributes: dict[str, Any] = {}
        if size := _dimensions(body):
            attributes[names.GEN_AI_EMBEDDINGS_DIMENSION_COUNT] = size
        model = _object_after(body, b'"model"')
        return Answer(usage or guessed(self._api, self._body, 0, 0.0, given_up=False), text(model), None, attributes)


def _object_after(body: bytes, key: bytes) -> object:
    """The JSON value behind the last occurrence of a key. No string of an embeddings body holds a quoted key."""
    at = body.rfind(key)
    if at < 0:
        return None
    rest = body[at + len(key) : at + len(key) + 4096].decode("utf-8", "replace").lstrip().removeprefix(":").lstrip()
    try:
        return _decoder.raw_decode(rest)[0]
    except ValueError:
        return None


def _dimensions(body: bytes) -> int:
    """Length of the first vector: numbers of a list, or four bytes each behind base64."""
    at = body.find(b'"embedding":')
    if at < 0:
        return 0
    begin = at + len(b'"embedding":')
    while body[begin : begin + 1].isspace():
        begin += 1
    if body[begin : begin + 1] == b'"':
        end = body.find(b'"', begin + 1)
        padding = 2 if body[end - 2 : end] == b"==" else 1 if body[end - 1 : end] == b"=" else 0
        return ((end - begin - 1) * 3 // 4 - padding) // 4
    end = body.find(b"]", begin)
    return body.count(b",", begin, end) + 1 if end > begin + 1 else 0


#: Keys of messages and items that say what they are; the model has not written their values.
_LABELS = frozenset(
    ("role", "type", "id", "status", "call_id", "annotations", "logprobs", "encrypted_content", "reasoning_details")
)


def written(choice: Mapping[str, Any]) -> list[str]:
    """What the model wrote into a choice, or into the delta of one; a legacy completion has only a text."""
    message = mapping(choice.get("message")) or mapping(choice.get("delta"))
    return list(texts(message, _LABELS)) or list(texts(choice.get("text")))


def _calls(found: Mapping[str, Any]) -> int:
    """How many tools an answer asks for."""
    messages = [mapping(choice.get("message")) for choice in mappings(found.get("choices"))]
    asked = sum(len(list(mappings(message.get("tool_calls")))) for message in messages)
    return asked + sum("arguments" in item for item in mappings(found.get("output")))


def _identity(found: Mapping[str, Any]) -> dict[str, Any]:
    attributes: dict[str, Any] = {}
    for key, name in (
        ("id", names.GEN_AI_RESPONSE_ID),
        ("service_tier", names.OPENAI_RESPONSE_SERVICE_TIER),
        ("system_fingerprint", names.OPENAI_RESPONSE_SYSTEM_FINGERPRINT),
    ):
        if value := text(found.get(key)):
            attributes[name] = value
    return attributes


def _chat(found: Mapping[str, Any], json_wanted: bool) -> dict[str, Any]:
    attributes = _identity(found)
    reasons, tools = [], []
    for choice in mappings(found.get("choices")):
        if reason := text(choice.get("finish_reason")):
            reasons.append(reason)
        message = mapping(choice.get("message"))
        tools += [n for t in mappings(message.get("tool_calls")) if (n := text(_tool(t).get("name")))]
        if json_wanted and not tools:
            attributes[names.SPANLEDGER_RESPONSE_SCHEMA_VALID] = valid_json(text(message.get("content")))
    return attributes | finish(reasons, tools)


def _tool(call: Mapping[str, Any]) -> Mapping[str, Any]:
    return mapping(call.get("function")) or mapping(call.get("custom"))


def _response(found: Mapping[str, Any], json_wanted: bool) -> dict[str, Any]:
    attributes = _identity(found)
    items = list(mappings(found.get("output")))
    tools = [n for i in items if i.get("type") in ("function_call", "custom_tool_call") and (n := text(i.get("name")))]
    parts = [p for i in items for p in mappings(i.get("content")) if p.get("type") == "output_text"]
    status = text(found.get("status"))
    why = text(mapping(found.get("incomplete_details")).get("reason"))
    reasons = {
        "completed": ["tool_calls" if tools else "stop"],
        "incomplete": [_REASONS.get(why or "", why or "length")],
    }
    if json_wanted and not tools and status not in PENDING:
        attributes[names.SPANLEDGER_RESPONSE_SCHEMA_VALID] = valid_json(
            "".join(text(p.get("text")) or "" for p in parts)
        )
    return attributes | finish(reasons.get(status or "", []), tools)


#: The Responses API's reasons for an incomplete answer, as chat names them.
_REASONS = {"max_output_tokens": "length", "content_filter": "content_filter"}
