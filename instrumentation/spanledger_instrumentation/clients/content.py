"""Prompts and answers as the conventions write them: a list of messages, each with a role and parts, as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from spanledger.semconv import names

Message = dict[str, Any]


def said(role: str, content: str) -> Message:
    """A message that is one text."""
    return {"role": role, "parts": [{"type": "text", "content": content}]}


def prompted(messages: Iterable[Message]) -> dict[str, str]:
    """Prompts as the attribute of a request."""
    return _attribute(names.GEN_AI_INPUT_MESSAGES, messages)


def written(messages: Iterable[Message]) -> dict[str, str]:
    """Answers as the attribute of a response."""
    return _attribute(names.GEN_AI_OUTPUT_MESSAGES, messages)


def _attribute(name: str, messages: Iterable[Message]) -> dict[str, str]:
    found = list(messages)
    return {name: json.dumps(found, ensure_ascii=False)} if found else {}
