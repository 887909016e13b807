"""Who pays: run, stage, tenant, user, session and prompt of the calls made here.

A scope lives in the OpenTelemetry context, so it goes wherever that goes: into tasks, threads and executors, and as
W3C baggage into other processes.
"""

from __future__ import annotations

import hashlib
import os
import socket
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Any

from opentelemetry import baggage, context
from opentelemetry.context import Context

from spanledger.semconv import names

#: Stands where nobody was named.
UNATTRIBUTED = "unattributed"

_KEY = context.create_key("spanledger-scope")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt template: its name and version, and the SHA-256 of its text."""

    name: str
    version: str | None = None
    hash: str | None = None

    @classmethod
    def of(cls, name: str, version: str | int | None = None, template: str | None = None) -> Prompt:
        """A prompt, its hash taken from the template as written, before variables are filled in."""
        digest = None if template is None else "sha256:" + hashlib.sha256(template.encode()).hexdigest()
        return cls(name, None if version is None else str(version), digest)


@dataclass(frozen=True, slots=True)
class Scope:
    """Who pays; None where nothing was said. `implied_stage` (an agent, a node) serves where no stage was named.

    `named_run` is the run that the code around named itself; one that was made up, or came from outside, gives way to
    the run of work that is taken up again.
    """

    run: str | None = None
    stage: str | None = None
    tenant: str | None = None
    user: str | None = None
    session: str | None = None
    request: str | None = None
    prompt: Prompt | None = None
    agent: str | None = None
    workflow: str | None = None
    conversation: str | None = None
    implied_stage: str | None = None
    named_run: str | None = field(default=None, compare=False, repr=False)

    def over(self, outer: Scope) -> Scope:
        """This scope, with what it leaves open taken from an outer one."""
        return replace(outer, **{f: v for f in _FIELDS if (v := getattr(self, f)) is not None})

    def attributes(self) -> dict[str, str]:
        """As span attributes; what is unknown is left out."""
        found = {key: value for f, key in _ATTRIBUTES if (value := getattr(self, f)) is not None}
        if self.stage is None and self.implied_stage is not None:
            found[names.SPANLEDGER_STAGE] = self.implied_stage
        if self.prompt is not None:
            found[names.GEN_AI_PROMPT_NAME] = self.prompt.name
            if self.prompt.version is not None:
                found[names.GEN_AI_PROMPT_VERSION] = self.prompt.version
            if self.prompt.hash is not None:
                found[names.SPANLEDGER_PROMPT_HASH] = self.prompt.hash
        return found


_FIELDS = tuple(f.name for f in fields(Scope))
_ATTRIBUTES = (
    ("run", names.SPANLEDGER_RUN_ID),
    ("stage", names.SPANLEDGER_STAGE),
    ("tenant", names.SPANLEDGER_TENANT_ID),
    ("user", names.USER_ID),
    ("session", names.SESSION_ID),
    ("request", names.SPANLEDGER_REQUEST_ID),
    ("agent", names.GEN_AI_AGENT_NAME),
    ("workflow", names.GEN_AI_WORKFLOW_NAME),
    ("conversation", names.GEN_AI_CONVERSATION_ID),
)
#: What travels between processes. Agent, workflow and prompt belong to the process that named them.
_BAGGAGE = {
    names.SPANLEDGER_RUN_ID: "run",
    names.SPANLEDGER_STAGE: "stage",
    names.SPANLEDGER_TENANT_ID: "tenant",
    names.USER_ID: "user",
    names.SESSION_ID: "session",
    names.SPANLEDGER_REQUEST_ID: "request",
    names.GEN_AI_CONVERSATION_ID: "conversation",
}
EMPTY = Scope()


def current(ctx: Context | None = None) -> Scope:
    """The scope of a context, by default of this one."""
    if ctx is not None and not ctx:
        return EMPTY
    found = context.get_value(_KEY, ctx)
    return found if isinstance(found, Scope) else EMPTY


def inside(scope: Scope, ctx: Context | None = None) -> Context:
    """A context in which the scope holds, laid over the scope that holds there; its baggage says the same."""
    ctx = context.get_current() if ctx is None else ctx
    whole = scope.over(current(ctx))
    ctx = context.set_value(_KEY, whole, ctx)
    said = baggage.get_all(ctx)
    for key, value in entries(whole).items():
        if said.get(key) != value:
            ctx = baggage.set_baggage(key, value, ctx)
    return ctx


def from_baggage(ctx: Context | None = None) -> Scope:
    """What the baggage of a context says. The caller decides whether to believe it."""
    return of(said(ctx))


def said(ctx: Context | None = None) -> dict[str, str]:
    """All that the baggage of a context says, ours and the app's."""
    return {key: value for key, value in baggage.get_all(ctx).items() if isinstance(value, str)}


def of(found: Mapping[str, str]) -> Scope:
    """A scope from entries under the names that travel (`spanledger.tenant.id`, `user.id`, …); others are ignored."""
    known: dict[str, Any] = {name: found[key][:256] for key, name in _BAGGAGE.items() if found.get(key)}
    return Scope(**known)


def of_attributes(found: Mapping[str, Any]) -> Scope:
    """The scope that a span tells, `attributes` read back; what the span implied and what was said look alike there."""
    known: dict[str, Any] = {
        name: value
        for name, key in _ATTRIBUTES
        if isinstance(value := found.get(key), str) and value and value != UNATTRIBUTED
    }
    if isinstance(prompt := found.get(names.GEN_AI_PROMPT_NAME), str):
        version, digest = found.get(names.GEN_AI_PROMPT_VERSION), found.get(names.SPANLEDGER_PROMPT_HASH)
        known["prompt"] = Prompt(
            prompt, None if version is None else str(version), digest if isinstance(digest, str) else None
        )
    return Scope(**known)


def entries(scope: Scope) -> dict[str, str]:
    """A scope under the names that travel; `of` reads it back. Agent, workflow and prompt stay here."""
    return {key: value for key, name in _BAGGAGE.items() if (value := getattr(scope, name)) is not None}


def without_baggage(ctx: Context) -> Context:
    """The context with our entries taken out of its baggage: for requests to providers, and for untrusted senders."""
    if ctx and (found := baggage.get_all(ctx)):
        for key in _BAGGAGE:
            if key in found:
                ctx = baggage.remove_baggage(key, ctx)
    return ctx


class Held:
    """A context made current, until `release`.

    It takes back only what it laid: where another context is current by then, as in an async generator that is
    finalised in a foreign task, `release` does nothing. (A token of OpenTelemetry would log an error there.)
    """

    __slots__ = ("_context", "_outer")

    def __init__(self, ctx: Context) -> None:
        self._outer = context.get_current()
        self._context = ctx
        context.attach(ctx)

    @property
    def current(self) -> bool:
        """Whether this very context is the current one here."""
        return context.get_current() is self._context

    def release(self) -> None:
        """Make current again what was current before."""
        if self.current:
            context.attach(self._outer)

    def __enter__(self) -> Held:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


@lru_cache(maxsize=1024)
def with_run(scope: Scope, run: str) -> Scope:
    """The scope with a run; kept, because most calls of a process or request ask for the same."""
    return replace(scope, run=run)


@lru_cache(maxsize=1024)
def attributes_of(scope: Scope) -> Mapping[str, str]:
    """The attributes of a scope; kept for the same reason, and not to be changed."""
    return scope.attributes()


class _ProcessRun:
    """The run of a process that opens none; a fork is another process."""

    def __init__(self) -> None:
        self._begin()
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._begin)

    def _begin(self) -> None:
        self.id = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"


_process_run = _ProcessRun()


def process_run() -> str:
    """The run that pays for calls made outside any run, request or task."""
    return _process_run.id
