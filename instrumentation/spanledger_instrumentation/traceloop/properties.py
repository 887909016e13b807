"""What traceloop's decorators and association properties say of who pays."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from spanledger.scope import Scope

#: Association properties, without case and separators: `user_id`, `userId` and `user.id` are one.
_PROPERTIES = {
    "runid": "run",
    "tenant": "tenant",
    "tenantid": "tenant",
    "customerid": "tenant",
    "organizationid": "tenant",
    "orgid": "tenant",
    "user": "user",
    "userid": "user",
    "session": "session",
    "sessionid": "session",
    "requestid": "request",
    "conversationid": "conversation",
    "chatid": "conversation",
    "threadid": "conversation",
}
_SEPARATORS = re.compile(r"[^a-z0-9]+")
_LONGEST = 256


def of_properties(properties: object) -> Scope:
    """Who pays by these association properties; those that say nothing of it are left out. The first of a kind counts.

    `tenant_id` names the tenant before `customer_id` and `org_id` do, in the order of the table.
    """
    if not isinstance(properties, Mapping):
        return Scope()
    said = {_SEPARATORS.sub("", str(key).lower()): value for key, value in properties.items()}
    found: dict[str, Any] = {}
    for key, field in _PROPERTIES.items():
        if (text := _text(said.get(key))) is not None:
            found.setdefault(field, text)
    return Scope(**found)


def of_entity(kind: str, name: str) -> Scope:
    """What a decorated function is: a workflow, an agent, a task. A tool is neither stage nor payer."""
    name = name.strip()[:_LONGEST]
    if not name:
        return Scope()
    if kind == "workflow":
        return Scope(workflow=name)
    if kind == "agent":
        return Scope(agent=name, stage=name)
    return Scope(stage=name) if kind == "task" else Scope()


def _text(value: object) -> str | None:
    return None if value is None else str(value).strip()[:_LONGEST] or None
