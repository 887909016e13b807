"""Third stage: masks secrets and personal data before anything leaves the process."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.trace import Status

from spanledger.errors import failed
from spanledger.pipeline.stage import Stage, copied, plain
from spanledger.semconv import names

MASK = "[REDACTED]"
#: Keys of providers and clouds, bearer tokens, web tokens, private keys; then e-mail addresses, card and IBAN numbers.
_PATTERNS = (
    r"\bsk-[A-Za-z0-9_-]{16,}",
    r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b",
    r"\bgh[pousr]_[A-Za-z0-9]{30,}",
    r"\bxox[abprs]-[A-Za-z0-9-]{10,}",
    r"\bAIza[0-9A-Za-z_-]{30,}",
    r"(?i:\bbearer\s+)[A-Za-z0-9._~+/-]{12,}=*",
    r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*",
    r"-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----[\s\S]{0,8192}?(?:-----END [A-Z ]{0,30}PRIVATE KEY-----|\Z)",
    r"(?i:\b(?:api[-_]?key|password|passwd|secret|token)\b\s*[=:]\s*)[^\s,;&\"']{6,}",
    r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.){1,8}[A-Za-z]{2,24}\b",
    r"\b(?:\d{4}[ -]){3}\d{4}\b",
    r"\b[A-Z]{2}\d{2}(?:[ ]?[A-Z0-9]{4}){2,7}(?:[ ]?[A-Z0-9]{1,3})?\b",
)
SECRET = re.compile("|".join(f"(?:{p})" for p in _PATTERNS))
_SECRET_KEY = re.compile(r"(?i)(authorization|api[-_]?key|password|passwd|secret|cookie)")

#: Values that we or the conventions choose, and identifiers that are asked for; they are not looked into.
_KNOWN = frozenset(
    {
        names.GEN_AI_OPERATION_NAME,
        names.GEN_AI_PROVIDER_NAME,
        names.GEN_AI_REQUEST_MODEL,
        names.GEN_AI_RESPONSE_MODEL,
        names.GEN_AI_RESPONSE_ID,
        names.GEN_AI_RESPONSE_FINISH_REASONS,
        names.GEN_AI_USAGE_COST_CURRENCY,
        names.GEN_AI_USAGE_COST_SOURCE,
        names.GEN_AI_OUTPUT_TYPE,
        names.OPENAI_API_TYPE,
        names.SERVER_ADDRESS,
        names.OPENAI_RESPONSE_SERVICE_TIER,
        names.OPENAI_RESPONSE_SYSTEM_FINGERPRINT,
        names.OPENAI_REQUEST_SERVICE_TIER,
        names.SPANLEDGER_BUDGET_CHARGES,
        names.SPANLEDGER_BUDGET_HOLD,
        names.SPANLEDGER_CALL_ID,
        names.SPANLEDGER_RUN_ID,
        names.SPANLEDGER_STAGE,
        names.SPANLEDGER_TENANT_ID,
        names.SPANLEDGER_PRICE_STATUS,
        names.SPANLEDGER_PRICE_VERSION,
        names.ERROR_TYPE,
        names.USER_ID,
        names.SESSION_ID,
    }
)


def masked(value: Any) -> Any:
    """A value with its secrets masked; the very same object if it has none."""
    if isinstance(value, str):
        return SECRET.sub(MASK, value) if len(value) >= 8 and SECRET.search(value) else value
    if isinstance(value, Mapping):
        found = {k: MASK if _SECRET_KEY.search(str(k)) else masked(v) for k, v in value.items()}
        return found if any(found[k] is not v for k, v in value.items()) else value
    if isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        items = [masked(item) for item in value]
        return items if any(new is not old for new, old in zip(items, value, strict=True)) else value
    return value


def _masked_attributes(attributes: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The attributes with secrets masked, None if there are none to mask."""
    if not attributes:
        return None
    own, changed = plain(attributes), {}
    for key, value in own.items():
        if key in _KNOWN or value.__class__ in (int, float, bool):
            continue
        new = MASK if _SECRET_KEY.search(key) else masked(value)
        if new is not value:
            changed[key] = new
    return own | changed if changed else None


def _masked_events(events: Sequence[Event]) -> list[Event] | None:
    found = [_masked_attributes(event.attributes) for event in events]
    if not any(found):
        return None
    return [
        Event(event.name, new, event.timestamp) if new is not None else event
        for event, new in zip(events, found, strict=True)
    ]


class Redact(Stage):
    """Masks attributes, events and status message, on a copy. If it fails, the span goes out without any of them."""

    def on_end(self, span: ReadableSpan) -> None:
        """Pass on a span without secrets."""
        try:
            clean = self._clean(span)
        except Exception as error:  # noqa: BLE001  contained, without the cost of a context for every span
            failed("redact", error)
            clean = copied(span, {}, events=(), status=Status(span.status.status_code))
        self.pass_end(clean)

    @staticmethod
    def _clean(span: ReadableSpan) -> ReadableSpan:
        held, status = span.events, span.status
        attributes = _masked_attributes(span.attributes)
        events = _masked_events(held) if held else None
        description = status.description
        said = masked(description) if description else description
        if attributes is None and events is None and said is description:
            return span
        status = Status(status.status_code, said)
        return copied(span, attributes or span.attributes or {}, events=events, status=status)
