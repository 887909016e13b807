"""How much a request for a message may use at most."""

from __future__ import annotations

from typing import Any

import pytest

from spanledger_instrumentation.anthropic.bound import bound

SEARCH = {"type": "web_search_20250305", "name": "web_search"}


@pytest.mark.parametrize(("given", "output"), [(10, 10), (10.0, 10), (-5, None), (None, None), (True, None)])
def test_only_a_number_of_tokens_is_a_cap(given: Any, output: int | None) -> None:
    assert bound({"messages": [], "max_tokens": given}, 100).output == output


@pytest.mark.parametrize(("uses", "passes"), [(3, 4), (0, 1), (-5, None), (None, None), ("3", None)])
def test_a_tool_that_the_provider_runs_is_counted_or_without_bound(uses: Any, passes: int | None) -> None:
    assert bound({"messages": [], "tools": [{**SEARCH, "max_uses": uses}]}, 100).passes == passes
