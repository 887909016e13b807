"""The OpenAPI document: what FastAPI reads out of the routes, with real answers as examples, and our problems.

The examples are made by asking the service (`make generate`), so they show what it says.
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from fastapi import FastAPI

from spanledger.service.problems import MEDIA, ProblemDetails

EXAMPLES = Path(__file__).with_name("examples.json")
_PROBLEM = {
    "description": "A problem, with a sentence that says what to do.",
    "content": {
        MEDIA: {
            "schema": {"$ref": "#/components/schemas/ProblemDetails"},
            "example": {
                "type": "about:blank",
                "title": "Not Found",
                "status": 404,
                "detail": "No call that you may see has this id; /api/calls lists them.",
            },
        }
    },
}
_OTHERS = ("HTTPValidationError", "ValidationError")


class Described(FastAPI):
    """An app that describes itself so."""

    def openapi(self) -> dict[str, Any]:
        """The document."""
        if self.openapi_schema is None:
            self.openapi_schema = _mended(super().openapi())
        return self.openapi_schema


@lru_cache(maxsize=1)
def examples() -> dict[str, Any]:
    """Answers by method and path."""
    found: dict[str, Any] = json.loads(EXAMPLES.read_text()) if EXAMPLES.exists() else {}
    return found


def _mended(document: dict[str, Any]) -> dict[str, Any]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            _describe(operation, examples().get(f"{method.upper()} {path}"))
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for name in _OTHERS:
        schemas.pop(name, None)
    schemas["ProblemDetails"] = ProblemDetails.model_json_schema()
    return document


def _describe(operation: dict[str, Any], example: Any) -> None:
    """Problems instead of FastAPI's errors, one sentence as the summary, an example of the answer."""
    operation["summary"] = operation.get("description", operation["summary"]).split(". ")[0].split(".\n")[0].rstrip(".")
    for parameter in operation.get("parameters", ()):
        parameter["schema"] = _without_null(parameter["schema"])
    answers = operation["responses"]
    answers.pop("422", None)
    answers |= {"4XX": _PROBLEM, "5XX": _PROBLEM}
    if example is not None:
        for content in answers["200"]["content"].values():
            content["example"] = example


def _without_null(schema: dict[str, Any]) -> dict[str, Any]:
    """A parameter is left out, it cannot be null."""
    kinds = [one for one in schema.get("anyOf", ()) if one != {"type": "null"}]
    if len(kinds) != 1:
        return schema
    return {**{name: value for name, value in schema.items() if name != "anyOf"}, **kinds[0]}
