"""The errors of the API, with the bodies and headers the real provider sends."""

from __future__ import annotations

import math
from typing import Any, TypeAlias

Json: TypeAlias = dict[str, Any]

_INVALID = "invalid_request_error"


class ApiError(Exception):
    """The request is answered by an error; nothing is billed."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = _INVALID,
        param: str | None = None,
        code: str | None = None,
    ) -> None:
        """An error of that HTTP status; `kind`, `param` and `code` are the fields of the error body."""
        super().__init__(message)
        self.status = status
        self.error: Json = {"message": message, "type": kind, "param": param, "code": code}
        self.headers: dict[str, str] = {}

    @property
    def body(self) -> Json:
        """The JSON the client gets."""
        return {"error": self.error}


def refusal(name: str, model: str, retry_after: float = 1.0) -> ApiError:
    """The refusal of that name: an HTTP status, `quota`, `context_length` or `content_filter`."""
    made = _made(name, model, retry_after)
    if made.status in (429, 503, 529) and name != "quota":
        made.headers["retry-after-ms"] = str(round(retry_after * 1000))
        made.headers["retry-after"] = str(math.ceil(retry_after))
    return made


def _made(name: str, model: str, retry_after: float) -> ApiError:
    if name in _SAID:
        status, message, kind, code = _SAID[name]
        wait = f"{round(retry_after * 1000)}ms"
        return ApiError(status, message.format(model=model, wait=wait), kind=kind, code=code)
    return ApiError(int(name), f"The simulated provider was asked for a {name}.")


_SAID: dict[str, tuple[int, str, str, str | None]] = {
    "400": (400, "Invalid request: the simulated provider was asked for a 400.", _INVALID, None),
    "401": (
        401,
        "Incorrect API key provided: sk-sim***. You can find your API key at "
        "https://platform.openai.com/account/api-keys.",
        _INVALID,
        "invalid_api_key",
    ),
    "403": (
        403,
        "Country, region, or territory not supported",
        "request_forbidden",
        "unsupported_country_region_territory",
    ),
    "404": (
        404,
        "The model `{model}` does not exist or you do not have access to it.",
        _INVALID,
        "model_not_found",
    ),
    "429": (
        429,
        "Rate limit reached for {model} in organization org-simulated on requests per min (RPM): "
        "Limit 500, Used 500, Requested 1. Please try again in {wait}. Visit "
        "https://platform.openai.com/account/rate-limits to learn more.",
        "requests",
        "rate_limit_exceeded",
    ),
    "quota": (
        429,
        "You exceeded your current quota, please check your plan and billing details. For more "
        "information on this error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors.",
        "insufficient_quota",
        "insufficient_quota",
    ),
    "context_length": (
        400,
        "This model's maximum context length is 128000 tokens. However, your messages resulted in "
        "128001 tokens. Please reduce the length of the messages.",
        _INVALID,
        "context_length_exceeded",
    ),
    "content_filter": (
        400,
        "The response was filtered due to the prompt triggering the content management policy. Please "
        "modify your prompt and retry.",
        _INVALID,
        "content_filter",
    ),
    "500": (
        500,
        "The server had an error while processing your request. Sorry about that!",
        "server_error",
        None,
    ),
    "503": (503, "The engine is currently overloaded, please try again later", "server_error", None),
}

STATUSES = ("400", "401", "403", "404", "408", "409", "422", "429", "500", "502", "503", "504", "529")
NAMED = tuple(name for name in _SAID if not name.isdigit())
