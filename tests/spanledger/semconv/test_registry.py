"""The vocabulary: what is generated from it is current, and nothing is named beside it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from tests.support import livecheck
from tests.support.telemetry import Telemetry

import spanledger
from spanledger.messages import Answer, Request
from spanledger.semconv import generate, names
from spanledger.usage import Usage

GROUPS = generate.groups()
OWN = generate.own(GROUPS)
SOURCES = [
    *Path(spanledger.__file__).parent.rglob("*.py"),
    *(Path(spanledger.__file__).parents[2] / "instrumentation").rglob("*.py"),
]


@pytest.mark.parametrize("path", generate.outputs(), ids=lambda path: path.name)
def test_a_generated_file_is_current(path: Path) -> None:
    assert path.read_text() == generate.outputs()[path], "run `python -m spanledger.semconv.generate`"


@pytest.mark.parametrize("attribute", OWN, ids=lambda attribute: attribute["id"])
def test_an_attribute_has_a_brief_a_stability_and_an_example(attribute: dict[str, Any]) -> None:
    assert attribute["brief"].endswith(".")
    assert attribute["stability"] == "development"
    closed = isinstance(attribute["type"], dict) or attribute["type"] == "boolean"
    assert closed or attribute["examples"]


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group["id"])
def test_a_group_says_what_it_is(group: dict[str, Any]) -> None:
    assert group["brief"]
    if group["type"] == "metric":
        assert {"metric_name", "instrument", "unit", "stability"} <= set(group)
    if group["type"] == "event":
        assert {"name", "stability"} <= set(group)


def test_nothing_is_defined_twice() -> None:
    defined = [attribute["id"] for attribute in OWN] + [group["id"] for group in GROUPS]
    assert len(defined) == len(set(defined))


def test_every_name_of_the_code_is_ours_or_upstreams() -> None:
    values = [value for key, value in vars(names).items() if key.isupper()]
    metrics = {value[0] for value in values if isinstance(value, tuple)}
    attributes = {value for value in values if isinstance(value, str) and "." in value}
    known = livecheck.vocabulary()
    assert metrics <= set(known.metrics)
    assert attributes - set(known.events) <= set(known.attributes)


def test_every_metric_that_is_created_is_ours_or_upstreams(telemetry: Telemetry) -> None:
    telemetry.runtime.calls.start(Request("chat", "openai")).succeed(Answer(Usage(input=1)))
    created = set(telemetry.metrics())
    assert {"app.info", "spanledger.calls"} <= created <= set(livecheck.vocabulary().metrics)


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.name)
def test_no_module_spells_a_name_out(source: Path) -> None:
    if source.name in ("names.py", "aliases.py", "meters.py", "generate.py"):
        return
    spelled = re.findall(r'"((?:gen_ai|openai|spanledger)\.[a-z_]+\.[a-z_.]+)"', source.read_text())
    module = {name for name in spelled if not name.startswith("spanledger.pipeline")}
    assert not {name for name in module if name in vars(names).values()}
