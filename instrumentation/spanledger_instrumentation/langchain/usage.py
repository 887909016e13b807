"""Reads the `usage_metadata` of LangChain's messages: inclusive, whoever answered.

Integrations add cached tokens to an input that leaves them out, and thoughts to the output. The name of a service
tier stands before the names of its details (`priority_cache_read`, `flex_reasoning`), and alone for the tokens that
have no details of their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spanledger.usage import Usage, count
from spanledger_instrumentation.clients.counts import number, usable
from spanledger_instrumentation.clients.shapes import mapping

_TIERS = ("priority", "flex")
_LONG, _SHORT = "ephemeral_1h_input_tokens", "ephemeral_5m_input_tokens"


def read_usage(raw: object) -> Usage | None:
    """The usage of a message; None if it tells none."""
    block = mapping(raw)
    tokens_in, tokens_out = number(block, "input_tokens"), number(block, "output_tokens")
    if tokens_in is None and tokens_out is None:
        return None
    into, out = mapping(block.get("input_token_details")), mapping(block.get("output_token_details"))
    long = count(into.get(_LONG))
    total = count(block.get("total_tokens"))
    return usable(
        Usage(
            input=tokens_in or 0,
            output=tokens_out or 0,
            cache_read=_detail(into, "cache_read"),
            cache_write=_detail(into, "cache_creation") or long + count(into.get(_SHORT)),
            cache_write_long=long,
            reasoning=_detail(out, "reasoning"),
            input_audio=_detail(into, "audio"),
            output_audio=_detail(out, "audio"),
            input_image=_detail(into, "image"),
            output_image=_detail(out, "image"),
            input_video=_detail(into, "video"),
            reported_total=total if total > (tokens_in or 0) + (tokens_out or 0) else 0,
        )
    )


def tier(raw: object) -> str | None:
    """The service tier that the names of the details tell."""
    block = mapping(raw)
    keys = [*mapping(block.get("input_token_details")), *mapping(block.get("output_token_details"))]
    return next((tier for tier in _TIERS if any(key == tier or str(key).startswith(f"{tier}_") for key in keys)), None)


def _detail(details: Mapping[str, Any], name: str) -> int:
    """A detail under its plain name, or that of a tier."""
    return number(details, name, *(f"{tier}_{name}" for tier in _TIERS)) or 0
