"""The hand-made set: every stratum is right, and so is what is said to be right of it."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from conformance.cases import HANDMADE, load, records
from conformance.report import Report
from conformance.running import run
from conformance.strata import strata
from tests.conformance.switch import switched_on

pytestmark = pytest.mark.xdist_group("handmade conformance")

CASES = load(HANDMADE)
STRATA = sorted({name for case in CASES for name in strata(case)})
ORACLES = {record["id"]: oracle for record, oracle in records(HANDMADE)}
BILLED = [pytest.param(right, id=case) for case, right in ORACLES.items() if "bill" in right]


@pytest.fixture(scope="module")
def report() -> Report:
    """All cases, played once for all tests of this module."""
    return run(CASES, switched_on)


@pytest.mark.parametrize("stratum", STRATA)
def test_everything_is_right_in_the_stratum(stratum: str, report: Report) -> None:
    wrong = {verdict.case.id: verdict.wrong for verdict in report.verdicts if stratum in strata(verdict.case)}
    assert wrong
    assert {case: faults for case, faults in wrong.items() if faults} == {}


def test_every_case_can_be_played_and_nothing_of_ours_failed_on_the_way(report: Report) -> None:
    assert report.unplayable == {}
    assert report.problems == []
    assert len(report.verdicts) == len(ORACLES)


def test_the_set_has_every_kind_of_call_mode_and_answer() -> None:
    kinds = {strata(case)[0] for case in CASES}
    for endpoint in ("chat.completions", "responses", "completions", "messages"):
        for answer in ("plain usage", "stream usage", "plain error"):
            assert f"{endpoint} {answer}" in kinds
    words = Counter(name for case in CASES for name in strata(case))
    for feature in (".parse()", ".stream()", "raw response", "async client", "tier:flex", "tier:batch", "HTTP 429"):
        assert words[f"feature: {feature}"]


@pytest.mark.parametrize("right", BILLED)
def test_the_cost_that_is_expected_is_the_sum_of_tokens_at_list_prices(right: dict[str, Any]) -> None:
    lines = {name: (units, Decimal(str(price))) for name, (units, price) in right["bill"].items()}
    total = sum((units * price for units, price in lines.values()), Decimal()) / 1_000_000
    assert total == Decimal(str(right["expect_cost_usd"]))
    tokens = right["expect_tokens"]
    assert sum(units for name, (units, _) in lines.items() if name != "searches") == tokens["input"] + tokens["output"]


def test_the_page_about_conformance_shows_what_the_command_prints(report: Report) -> None:
    page = (HANDMADE.parents[1] / "docs" / "conformance.md").read_text()
    rows = [line for line in report.text().splitlines() if line.startswith("all ")]
    for line in (*rows, report.summary()):
        assert " ".join(line.split()) in " ".join(page.split())


def test_ids_are_unique() -> None:
    assert len(CASES) == len(ORACLES) == len({case.id for case in CASES})
