"""The pages of budgets, and the forms by which an admin changes them: what they do is done by the API's own routes."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Annotated, Literal

from fastapi import APIRouter, Form, Query, Response
from fastapi.responses import RedirectResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from spanledger.service.access import needs
from spanledger.service.answers.budgets import Changed, Raise, Which
from spanledger.service.asked import Text
from spanledger.service.pages import cursor, read
from spanledger.service.problems import Problem, said, told
from spanledger.service.routes import budgets as api
from spanledger.service.web.budgets import Standing, standing, standings
from spanledger.service.web.burning import MOST, Burn, TooManyError, burn
from spanledger.service.web.looked import ROWS, address
from spanledger.service.web.page import Page, PageOf, PageRoute, plain
from spanledger.service.web.templates import amount

router = APIRouter(route_class=PageRoute, include_in_schema=False, dependencies=[needs("read")])
Done = Literal["raise", "reset", "resume"]
#: Rows that are shown.
_MOST = 200
_MEANT: Mapping[Done, str] = {
    "raise": "The new limit holds from the next call on.",
    "reset": "The configured limit holds again.",
    "resume": "The halt is over; the limit is as it was.",
}


class Meant(BaseModel):
    """Which counter is meant."""

    model_config = ConfigDict(extra="forbid")

    name: Text
    scope_value: Text = ""
    window: Text


class Asked(Meant):
    """The parameters of a page; `done` is what a form did just now, `cursor` where the changes go on."""

    done: Done | None = None
    cursor: Annotated[Text, Field(min_length=1)] | None = None


class Change(Meant):
    """The fields of a form."""

    action: Done
    reason: Text = ""
    to: Text = ""
    form_token: Text = ""


@router.get("/budgets")
def budgets(page: PageOf) -> Response:
    """The halted ones first, then the fullest."""
    found, more = standings(page.service.books, page.caller, _MOST)
    halted = [one for one in found if one.row.halted]
    return page.shown("budgets.html", "Budgets", halted=halted, going=found[len(halted) :], more=more)


@router.get("/budget")
def budget(page: PageOf, asked: Annotated[Asked, Query()]) -> Response:
    """One of them: how it burned down, what was changed by hand, and the forms."""
    before = read(asked.cursor)[0] if asked.cursor else None
    return _shown(page, asked, done=_MEANT[asked.done] if asked.done else "", before=before)


@router.post("/budget", dependencies=[needs("admin")])
def change(page: PageOf, form: Annotated[Change, Form()]) -> Response:
    """Do what a form asks for, and show what came of it."""
    page.forms.check(form.form_token)
    try:
        _do(page, form)
    except (ValidationError, Problem) as error:
        wrong = told(error.errors()) if isinstance(error, ValidationError) else said(error).detail
        response = _shown(page, form, wrong=_by_labels(plain(wrong)), form=form)
        response.status_code = 422
        return response
    place = {"name": form.name, "scope_value": form.scope_value, "window": form.window}
    return RedirectResponse(address("/budget", **place, done=form.action), 303)


def _do(page: Page, form: Change) -> Changed:
    row = _standing(page, form).row  # a rolling window has moved on meanwhile
    which = {"name": row.name, "scope_value": row.scope_value, "window": row.window, "reason": form.reason}
    if form.action == "raise":
        to = form.to.strip().removeprefix("$")
        if not to:
            raise Problem(422, "to: give the amount up to which it may be spent.")
        asked = Raise(**which, to=to)
        if row.limit is not None and api.limit(asked.to, row) <= row.limit:
            raise Problem(422, f"to: it is {amount(row.limit, row.unit)} already; give more, or reset it first.")
        return api.raise_(asked, page.caller, page.service)
    if form.action == "resume" and not row.halted:
        raise Problem(422, "It is not halted, so there is nothing to resume.")
    routes: Mapping[str, Callable[..., Changed]] = {"reset": api.reset, "resume": api.resume}
    return routes[form.action](Which(**which), page.caller, page.service)


def _by_labels(wrong: str) -> str:
    """What is wrong with fields, by what the page calls them."""
    labels = {"to": "New limit", "reason": "Why"}
    return re.sub(r"(?:^|(?<=; ))(to|reason)(?=: )", lambda found: labels[found[0]], wrong)


def _shown(
    page: Page, meant: Meant, *, done: str = "", wrong: str = "", form: Change | None = None, before: int | None = None
) -> Response:
    one = _standing(page, meant)
    burned, failed = _burned(page, one)
    history = page.service.books.history(api.own(one.row), before=before, limit=ROWS)
    return page.shown(
        "budget.html",
        "Budget",
        one=one,
        burn=burned,
        ledger_down=failed,
        history=history.entries,
        older=cursor(None if history.after is None else (history.after, "")),
        newest=before is None,
        may_change=page.caller.may("admin"),
        done=done,
        wrong=wrong,
        form=form,
    )


def _standing(page: Page, meant: Meant) -> Standing:
    found = standing(page.service.books, page.caller, meant.name, meant.scope_value, meant.window)
    if found is not None:
        return found
    raise Problem(404, "No budget that you may see stands so now; its window may be over. The list has what holds now.")


def _burned(page: Page, one: Standing) -> tuple[Burn | None, str]:
    """Or why nobody can tell: a budget can be changed without the ledger."""
    try:
        with page.service.reading() as connection:
            return burn(connection, one, page.service.books.store.now()), ""
    except SQLAlchemyError as error:
        return None, said(error).detail
    except TooManyError:
        return None, f"More than {MOST:,} charges stand behind this budget; that is too much to draw here."
