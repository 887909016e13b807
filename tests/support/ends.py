"""How a call ended, as its span tells it."""

from __future__ import annotations

from typing import Any

from tests.support.telemetry import Telemetry, whole

from spanledger.semconv import names


def failed(span: Any, error_type: str, status: int | None = None) -> None:
    """Assert that the span of a request without an answer says why, and claims neither tokens nor a price."""
    seen = whole(span)
    assert seen["status"] == "ERROR"
    assert seen["attributes"][names.ERROR_TYPE] == error_type
    assert seen["attributes"].get(names.HTTP_RESPONSE_STATUS_CODE) == status
    assert not [key for key in seen["attributes"] if key.startswith(("gen_ai.usage", "spanledger.price"))]


def given_up(telemetry: Telemetry, error_type: str | None = None) -> dict[str, Any]:
    """Assert that the only call was ended early and is charged by an estimate; returns its attributes."""
    found = telemetry.attributes
    assert telemetry.one.status.status_code.name == ("ERROR" if error_type else "UNSET")
    assert found.get(names.ERROR_TYPE) == error_type
    assert found[names.SPANLEDGER_USAGE_ESTIMATED] is True
    assert found[names.GEN_AI_USAGE_INPUT_TOKENS] > 0
    assert found[names.GEN_AI_USAGE_COST_AMOUNT] > 0
    return found


def claiming(telemetry: Telemetry) -> int:
    """How many spans claim tokens, those of a client's own among them."""
    return sum(names.GEN_AI_USAGE_INPUT_TOKENS in (span.attributes or {}) for span in telemetry.spans)
