"""The learners who visit the recommender in the demo."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass

_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_SECONDS = 120.0


@dataclass(frozen=True)
class Visit:
    """One request to the app."""

    tenant: str
    user: str
    goal: str
    background: str = ""
    hours_per_week: int = 5
    path: str = "/recommend"
    fault: str = ""
    """A wish to the simulated provider; a real one is not bothered with it."""
    expected: int = 200


@dataclass(frozen=True)
class Visited:
    """How the app answered."""

    visit: Visit
    status: int
    seconds: float


VISITS = (
    Visit(
        "acme",
        "ana",
        "Move from spreadsheets to SQL and Python for data analysis",
        "Ten years of office work, good with pivot tables, no programming.",
        hours_per_week=4,
    ),
    Visit(
        "acme",
        "ben",
        "Build agents with language models that call our internal tools",
        "Backend developer, intermediate Python, has used chat models in the browser.",
        path="/recommend/stream",
    ),
    Visit(
        "globex",
        "chen",
        "Run our services on Kubernetes without being woken up at night",
        "Advanced operations engineer, knows Docker and Terraform.",
        hours_per_week=8,
        fault="<<fault=429 times=1 retry_after=0.2>>",
    ),
    Visit(
        "globex",
        "dora",
        "Understand statistics well enough to run A/B tests for our shop",
        "Product manager, intermediate SQL.",
        hours_per_week=3,
    ),
    Visit(
        "initech",
        "eve",
        "Design a booking page that people can actually use",
        "Beginner, studied psychology.",
        path="/recommend/stream",
    ),
    Visit(
        "initech",
        "finn",
        "Learn web security",
        "Intermediate developer.",
        fault="<<fault=400>>",
        expected=502,
    ),
)


def visit(url: str, one: Visit, session: str, *, simulated: bool) -> Visited:
    """Make that visit and read the whole answer."""
    goal = f"{one.goal} {one.fault}".strip() if simulated else one.goal
    body = {"goal": goal, "background": one.background, "hours_per_week": one.hours_per_week}
    headers = {
        "content-type": "application/json",
        "x-tenant-id": one.tenant,
        "x-user-id": one.user,
        "x-session-id": session,
    }
    request = urllib.request.Request(url + one.path, json.dumps(body).encode(), headers)
    started = time.monotonic()
    try:
        with _OPENER.open(request, timeout=_SECONDS) as reply:
            reply.read()
            status = reply.status
    except urllib.error.HTTPError as refused:
        refused.close()
        status = refused.code
    return Visited(one, status, time.monotonic() - started)
