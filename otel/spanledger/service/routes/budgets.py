"""`/api/budgets`: how budgets stand, and what an admin may do about them. Every change is audited, with a reason."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from fastapi import APIRouter, Query, Request, Response
from pydantic import Field

from spanledger.budget import inline
from spanledger.budget.listing import Row
from spanledger.budget.model import shown
from spanledger.budget.store import Counter, Entry
from spanledger.errors import ConfigError
from spanledger.service.access import CallerOf, needs
from spanledger.service.answers.budgets import Budget, Change, Changed, Raise, Which
from spanledger.service.books import Books
from spanledger.service.figures import at
from spanledger.service.pages import Further, cursor, read
from spanledger.service.parts import Parts
from spanledger.service.problems import Problem
from spanledger.service.tokens import Caller

router = APIRouter(prefix="/api/budgets", tags=["budgets"])


class Many(Further):
    """Which part of the list of budgets; most lists have one."""

    limit: int = Field(1000, ge=1, le=1000, description="Rows of a page.")


_reads, _changes = [needs("read")], [needs("admin")]


@router.get("", dependencies=_reads)
def budgets(
    caller: CallerOf, service: Parts, asked: Annotated[Many, Query()], request: Request, response: Response
) -> list[Budget]:
    """How budgets stand: the list that `spanledger budgets --format json` prints.

    Page by page: the header Link has the next one (`rel="next"`).
    """
    after = None if asked.cursor is None else read(asked.cursor)
    found = service.books.page(caller, after, asked.limit)
    _lead_on(request, response, asked, found.after)
    return [told(row) for row in found.rows]


@router.get("/changes", dependencies=_reads)
def changes(
    caller: CallerOf, service: Parts, asked: Annotated[Further, Query()], request: Request, response: Response
) -> list[Change]:
    """What was changed by hand, the latest first. Page by page: the header Link has the next one (`rel="next"`)."""
    before = None if asked.cursor is None else read(asked.cursor)[0]
    found = service.books.history(service.books.changed(caller), before=before, limit=asked.limit)
    _lead_on(request, response, asked, None if found.after is None else (found.after, ""))
    return [_change(entry) for entry in found.entries]


@router.post("/raise", dependencies=_changes)
def raise_(asked: Raise, caller: CallerOf, service: Parts) -> Changed:
    """Let a counter spend up to a new limit, and end a halt."""

    def do(row: Row) -> None:
        to = limit(asked.to, row)
        service.books.store.raise_limit(row.counters[0], to, reason=asked.reason, who=_who(caller))

    return _changed(asked, caller, service.books, do)


@router.post("/reset", dependencies=_changes)
def reset(asked: Which, caller: CallerOf, service: Parts) -> Changed:
    """Let the configured limit hold again, and end a halt; what was spent stays spent."""

    def do(row: Row) -> None:
        for counter in row.raised or row.counters[:1]:
            service.books.store.reset(counter, reason=asked.reason, who=_who(caller))

    return _changed(asked, caller, service.books, do)


@router.post("/resume", dependencies=_changes)
def resume(asked: Which, caller: CallerOf, service: Parts) -> Changed:
    """End a halt and leave the limit as it is; where that is spent, the next call halts it again."""

    def do(row: Row) -> None:
        counter, store = row.counters[0], service.books.store
        raised, reason = store.figure(counter).limit, f"resume: {asked.reason}"
        if raised is None:
            store.reset(counter, reason=reason, who=_who(caller))
        else:
            store.raise_limit(counter, raised, reason=reason, who=_who(caller))

    return _changed(asked, caller, service.books, do)


def _lead_on(request: Request, response: Response, asked: Further, after: tuple[int, str] | None) -> None:
    """Say where the next page is."""
    if further := cursor(after):
        response.headers["Link"] = f'<{request.url.path}?limit={asked.limit}&cursor={further}>; rel="next"'


def own(row: Row) -> list[str]:
    """What the changes of a row's counters are looked up by."""
    return [Counter.prefix(counter.key) for counter in row.counters]


def told(row: Row) -> Budget:
    """A row as the list has it."""
    return Budget.model_validate(row.as_json())


def _changed(asked: Which, caller: Caller, books: Books, do: Callable[[Row], None]) -> Changed:
    row = _row(asked, caller, books)
    do(row)
    now = _row(asked.model_copy(update={"window": row.window}), caller, books)
    history = books.history(own(now))
    return Changed(budget=told(now), history=[_change(entry) for entry in history.entries])


def _row(asked: Which, caller: Caller, books: Books) -> Row:
    found = books.found(caller, asked.name, asked.scope_value, asked.window)
    if not found:
        raise Problem(404, "No budget that you may see has this name, scope_value and window; /api/budgets lists them.")
    if len(found) > 1:
        raise Problem(422, "Several counters are meant; give the window of one, as /api/budgets lists them.")
    return found[0]


def limit(text: str, row: Row) -> int:
    """A limit in the unit of a row. A bare number is of that unit. Raises Problem."""
    bare = text.strip()
    try:
        unit, value = inline.limit(bare if bare[-1:].isalpha() else f"{bare}{row.unit}")
    except ConfigError as error:
        raise Problem(422, f"to: {error}") from None
    if unit != row.unit:
        raise Problem(422, f"The budget {row.name} counts {row.unit}; give the limit in these.")
    if value >= 2**63:
        raise Problem(422, "to: no budget can be as large as that.")
    return value


def _change(entry: Entry) -> Change:
    return Change(
        at=at(entry.at),
        name=entry.counter.budget,
        scope_value=entry.counter.value,
        window=entry.counter.window,
        action=entry.action,
        amount=None if entry.amount is None else shown(entry.counter.unit, entry.amount),
        reason=entry.reason,
        who=entry.who,
    )


def _who(caller: Caller) -> str:
    return f"service:{caller.name}"
