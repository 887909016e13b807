"""Which errors are known to have cost nothing."""

from __future__ import annotations

import sys

import httpx

from spanledger_instrumentation.clients.billing import billed


def raised(error: Exception) -> Exception:
    """An error with the context that it gets where it is raised."""
    try:
        raise error
    except type(error) as found:
        return found


def test_a_request_that_timed_out_may_be_billed_and_one_that_never_left_is_not() -> None:
    assert billed(raised(httpx.ReadTimeout("no answer")))
    assert not billed(raised(httpx.ConnectError("nobody there")))


def test_why_an_error_came_counts_too() -> None:
    error = RuntimeError("no connection")
    error.__cause__ = httpx.ConnectError("nobody there")
    assert not billed(error)


def test_what_the_app_was_handling_says_nothing_of_the_request_that_it_made_meanwhile() -> None:
    try:
        raise httpx.ConnectError("the first provider is down")
    except httpx.ConnectError:
        before = sys.exception()
        assert billed(raised(httpx.ReadTimeout("the second one does not answer")), before)
        assert not billed(raised(httpx.ConnectError("the second one is down, too")), before)
