"""How an API words what is no answer of a model: headers, rate limits, errors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, Protocol

from provider import errors
from provider.errors import ApiError, Json
from provider.limits import Bucket


class Dialect(Protocol):
    """The way one API speaks."""

    def headers(self, request_id: str, took_ms: float) -> dict[str, str]:
        """What every answer carries."""

    def limits(self, left: Mapping[str, Bucket]) -> dict[str, str]:
        """What the answer of a model carries besides."""

    def error(self, refused: ApiError, request_id: str) -> Json:
        """The body of a refusal."""

    def broken(self) -> Json:
        """The event of an error in the middle of a stream."""


class _OpenAI:
    def headers(self, request_id: str, took_ms: float) -> dict[str, str]:
        return {
            "x-request-id": request_id,
            "openai-organization": "org-simulated",
            "openai-processing-ms": str(round(took_ms)),
            "openai-version": "2020-10-01",
        }

    def limits(self, left: Mapping[str, Bucket]) -> dict[str, str]:
        made: dict[str, str] = {}
        for name, bucket in left.items():
            made[f"x-ratelimit-limit-{name}"] = str(bucket.limit)
            made[f"x-ratelimit-remaining-{name}"] = str(bucket.remaining)
            made[f"x-ratelimit-reset-{name}"] = bucket.reset
        return made

    def error(self, refused: ApiError, request_id: str) -> Json:  # noqa: ARG002 - OpenAI tells it in the headers only
        return refused.body

    def broken(self) -> Json:
        return errors.refusal("500", "").body


class _Anthropic:
    """Errors are of a type that the HTTP status decides (Anthropic, "Errors")."""

    _TYPES: ClassVar[Mapping[int, str]] = {
        400: "invalid_request_error",
        401: "authentication_error",
        403: "permission_error",
        404: "not_found_error",
        413: "request_too_large",
        429: "rate_limit_error",
        529: "overloaded_error",
    }

    def headers(self, request_id: str, took_ms: float) -> dict[str, str]:  # noqa: ARG002 - Anthropic does not tell it
        return {"request-id": request_id, "anthropic-organization-id": "org-simulated"}

    def limits(self, left: Mapping[str, Bucket]) -> dict[str, str]:
        made: dict[str, str] = {}
        for name, bucket in left.items():
            made[f"anthropic-ratelimit-{name}-limit"] = str(bucket.limit)
            made[f"anthropic-ratelimit-{name}-remaining"] = str(bucket.remaining)
        return made

    def error(self, refused: ApiError, request_id: str) -> Json:
        kind = self._TYPES.get(refused.status, "invalid_request_error" if refused.status < 500 else "api_error")
        return {"type": "error", "error": {"type": kind, "message": str(refused)}, "request_id": request_id}

    def broken(self) -> Json:
        return {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}


OPENAI: Dialect = _OpenAI()
ANTHROPIC: Dialect = _Anthropic()
