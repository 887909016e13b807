"""`run`, `stage` and `prompt`: how an app says who pays for the calls inside a block, or inside a function.

    with spanledger.run(user="u-1", tenant="acme"):
        ...

    @spanledger.stage("profile_analyzer")
    async def analyze(profile): ...

Each is a context manager (`with` and `async with`) and a decorator of functions, coroutine functions, generators and
async generators. It may be kept and used again, also while it is in use: each use is a span of its own.

A decorated generator carries scope and span while its own code runs, wherever it is consumed, and its consumer has
neither. Around it is what was around the call that made it.
"""

from __future__ import annotations

import functools
import inspect
import uuid
from collections.abc import Callable
from dataclasses import replace
from types import TracebackType
from typing import Any, TypeVar, cast

from opentelemetry import context
from opentelemetry.context import Context

from spanledger.errors import contained
from spanledger.scope import Prompt, Scope
from spanledger.use import GeneratorFunction, Use, driven, driven_async

Function = TypeVar("Function", bound=Callable[..., Any])
_LONGEST = 256


def run(
    id: str | None = None,  # noqa: A002 the name that users write
    *,
    user: str | None = None,
    tenant: str | None = None,
    session: str | None = None,
    request: str | None = None,
) -> Block:
    """What belongs together and is paid together: all calls inside carry this run, and its span is called `run`.

    Args:
        id: Name of the run; by default each use makes one, such as `run-7f3a5c20b1de`.
        user: Who asked.
        tenant: On whose account.
        session: The session that it belongs to.
        request: The id of the request that it answers, as its sender gave it.

    An argument that is None or blank leaves open what holds outside.
    """
    if callable(id):
        raise TypeError("run decorates with parentheses: write @run()")
    said = Scope(run=_text(id), user=_text(user), tenant=_text(tenant), session=_text(session), request=_text(request))
    said = replace(said, named_run=said.run)
    return Block(lambda: said if said.run else replace(said, run=f"run-{uuid.uuid4().hex[:12]}"), "run")


def stage(name: str) -> Block:
    """A step of an agent, such as `profile_analyzer`: all calls inside carry it, and its span is called after it."""
    said = Scope(stage=_named("stage", name))
    return Block(lambda: said, said.stage)


def prompt(name: str, version: str | int | None = None, template: str | None = None) -> Block:
    """The prompt that the calls inside are made with. Opens no span.

    Args:
        name: Name of the prompt, the same in all its versions.
        version: Its version.
        template: Its text before variables are filled in; only the SHA-256 of it is kept.
    """
    if template is not None and not isinstance(template, str):
        raise TypeError(f"prompt takes the text of a template, not {template!r}")
    said = Scope(prompt=Prompt.of(_named("prompt", name), version, template))
    return Block(lambda: said, None)


def _named(what: str, name: object) -> str:
    if callable(name):
        raise TypeError(f'{what} decorates with a name: write @{what}("name")')
    if not isinstance(name, str):
        raise TypeError(f"the name of a {what} must be a string, not {name!r}")
    if not name.strip():
        raise ValueError(f"the name of a {what} must not be empty")
    return name.strip()


def _text(value: object) -> str | None:
    """Ids are data and may be anything: an int or a UUID serves, and a blank one says nothing."""
    return None if value is None else str(value).strip()[:_LONGEST] or None


class Block:
    """What `run`, `stage` and `prompt` return. `with … as found` gives the whole scope that holds inside."""

    def __init__(self, said: Callable[[], Scope], name: str | None) -> None:
        self._said = said
        self._name = name
        self._entered: list[Use] = []

    def _use(self, outer: Context | None = None) -> Use:
        return Use(self._said(), self._name, context.get_current() if outer is None else outer)

    def __enter__(self) -> Scope:
        use = self._use()
        self._entered.append(use)
        return use.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the use that was entered here; where that cannot be told, as in a foreign context, the latest."""
        with contained("scope"):
            use = next((use for use in reversed(self._entered) if use.current), self._entered[-1])
            self._entered.remove(use)
            use.__exit__(kind, error, trace)

    async def __aenter__(self) -> Scope:
        return self.__enter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.__exit__(kind, error, trace)

    def __call__(self, function: Function) -> Function:
        """Decorate a function: each call is a use; for a generator, all of its iteration is one."""
        if isinstance(function, type | staticmethod | classmethod) or not callable(function):
            raise TypeError(f"a block decorates functions (below @staticmethod and @classmethod), not {function!r}")
        code: Any = function
        if not inspect.isroutine(function) and not isinstance(function, functools.partial):
            code = type(function).__call__
        if inspect.isasyncgenfunction(code):
            return cast(Function, GeneratorFunction(function, self._drive_async))
        if inspect.isgeneratorfunction(code):
            return cast(Function, GeneratorFunction(function, self._drive))
        decorate = self._coroutine if inspect.iscoroutinefunction(code) else self._plain
        return cast(Function, decorate(function))

    def _plain(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            with self._use():
                return function(*args, **kwargs)

        return call

    def _coroutine(self, function: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(function)
        async def call(*args: Any, **kwargs: Any) -> Any:
            with self._use():
                return await function(*args, **kwargs)

        return call

    def _drive(self, function: Callable[..., Any], _instance: Any, args: Any, kwargs: Any) -> Any:
        return driven(function(*args, **kwargs), functools.partial(self._use, context.get_current()))

    def _drive_async(self, function: Callable[..., Any], _instance: Any, args: Any, kwargs: Any) -> Any:
        return driven_async(function(*args, **kwargs), functools.partial(self._use, context.get_current()))
