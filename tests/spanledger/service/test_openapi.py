"""The OpenAPI document holds: what it promises is what is answered, whatever is asked."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jsonschema
import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, given, settings
from sqlalchemy import Engine
from tests.support.serving import asking, serving, tokens

from spanledger.budget.memory import MemoryStore
from spanledger.config import Settings
from spanledger.ledger import database
from spanledger.service.app import create
from spanledger.service.books import Books
from spanledger.service.openapi import examples

CHECKS = schemathesis.checks
FUZZING = settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
#: A window that ends before it begins, and the like, are not to be said in a schema.
LEFT_OUT = [CHECKS.positive_data_acceptance]


@pytest.fixture(scope="module")
def app(small: Engine) -> FastAPI:
    return serving(small, service_rate="1000000/second")


def test_every_answer_has_an_example_that_is_one(app: FastAPI) -> None:
    document = app.openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            content = operation["responses"]["200"]["content"]
            if "application/json" not in content:
                continue
            shown = content["application/json"]
            assert "example" in shown, f"{method} {path}: run make generate"
            schema = {**shown["schema"], "components": document["components"]}
            jsonschema.validate(shown["example"], schema)
    assert len(examples()) >= 20


def test_every_operation_says_what_it_does_and_how_it_fails(app: FastAPI) -> None:
    names = set()
    for operations in app.openapi()["paths"].values():
        for operation in operations.values():
            assert operation["description"].endswith((".", "."))
            assert {"4XX", "5XX"} <= operation["responses"].keys()
            assert "422" not in operation["responses"]
            names.add(operation["operationId"])
    assert len(names) == sum(len(one) for one in app.openapi()["paths"].values())


@pytest.fixture(scope="module")
def schema(small: Engine, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The service with a token that may do everything, as its own document describes it."""
    folder: Path = tmp_path_factory.mktemp("tokens")
    found, made = tokens(folder, ("all", ("read", "write", "admin"), None))
    app = serving(small, tokens=found, service_rate="1000000/second")
    loaded = schemathesis.openapi.from_asgi("/openapi.json", app)
    loaded.config.update(headers={"Authorization": f"Bearer {made['all']}"})
    return loaded


def operations() -> list[tuple[str, str, schemathesis.GenerationMode]]:
    """Every operation that the document has, none by name; asked rightly, and wrongly where there is a wrong way."""
    app = create(Settings(), database.engine("sqlite:////nowhere.sqlite"), Books(MemoryStore()))
    return [
        (path, method, mode)
        for path, found in app.openapi()["paths"].items()
        for method, operation in found.items()
        for mode in schemathesis.GenerationMode
        if mode.is_positive
        or "requestBody" in operation
        or any(p["in"] == "query" for p in operation.get("parameters", ()))
    ]


@pytest.mark.parametrize(("path", "method", "mode"), operations())
def test_nothing_that_is_asked_breaks_it_and_every_answer_is_as_promised(
    schema: Any, path: str, method: str, mode: Any
) -> None:
    @FUZZING
    @given(case=schema[path][method].as_strategy(generation_mode=mode))
    def ask(case: Any) -> None:
        case.call_and_validate(excluded_checks=LEFT_OUT)

    ask()


def test_the_document_is_open_to_everybody(app: FastAPI) -> None:
    assert asking(app).get("/openapi.json").json()["info"]["title"] == "spanledger"
