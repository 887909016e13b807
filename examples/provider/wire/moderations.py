"""Moderations: free of charge, and here a matter of a few words."""

from __future__ import annotations

import re
from typing import Any

from provider.desk import Ask, Desk, Reply
from provider.errors import ApiError, Json

_WORDS = {
    "harassment": r"\b(idiot|loser|stupid)\b",
    "harassment/threatening": r"\bi will (hurt|kill) you\b",
    "hate": r"\bi hate (all|those)\b",
    "hate/threatening": r"\bwipe them out\b",
    "illicit": r"\b(steal|shoplift)\b",
    "illicit/violent": r"\bbuild a bomb\b",
    "self-harm": r"\bhurt myself\b",
    "self-harm/instructions": r"\bhow to hurt myself\b",
    "self-harm/intent": r"\bi want to hurt myself\b",
    "sexual": r"\bexplicit\b",
    "sexual/minors": r"(?!)",
    "violence": r"\b(kill|stab|shoot)\b",
    "violence/graphic": r"\bblood everywhere\b",
}


def answer(ask: Ask, desk: Desk) -> Reply:  # noqa: ARG001 - every endpoint is called alike
    """The reply to `POST moderations`."""
    given = ask.body.get("input")
    if given is None:
        raise ApiError(400, "Missing required parameter: 'input'.", param="input")
    body = {"id": f"modr-{ask.id}", "model": ask.model.dated, "results": [_result(t) for t in _texts(given)]}
    return Reply(body)


def _texts(given: Any) -> list[str]:
    if isinstance(given, str):
        return [given]
    if given and isinstance(given[0], dict):
        return [" ".join(str(part.get("text", "")) for part in given)]
    return [str(part) for part in given]


def _result(text: str) -> Json:
    found = {name: bool(re.search(pattern, text.lower())) for name, pattern in _WORDS.items()}
    return {
        "flagged": any(found.values()),
        "categories": found,
        "category_scores": {name: 0.92 if hit else 0.0004 for name, hit in found.items()},
        "category_applied_input_types": {name: ["text"] for name in found},
    }
