"""A guard of its own for every test, and a call that asks it."""

from collections.abc import Sequence
from typing import Any

import pytest
from tests.support.telemetry import BOOK

from spanledger.bound import AROUND, Bound
from spanledger.budget import inline
from spanledger.budget.memory import MemoryStore
from spanledger.budget.model import Budget
from spanledger.budget.store import Counter
from spanledger.errors import Refusal, Refused
from spanledger.guard import Asked, Guard, Policy, Ticket
from spanledger.scope import Scope

MODEL = "gpt-4o-mini"  # 150 nano-USD a token in, 600 out
RUN = Scope(run="r-1", tenant="acme")
ASKED = Asked("openai", MODEL, RUN)
BOUND = Bound(size=100 - AROUND, output=10)
WORST = 100 * 150 + 10 * 600


def guard(budgets: str | Sequence[Budget], store: Any = None, **policy: Any) -> Guard:
    found = inline.parse(budgets) if isinstance(budgets, str) else budgets
    return Guard(found, store or MemoryStore(), BOOK, Policy(**policy))


def usd(nano: int) -> str:
    return f"{nano / 1e9:.9f}USD"


def asking(found: Guard, asked: Asked = ASKED) -> Ticket:
    ticket = found.ticket(asked)
    assert ticket is not None
    return ticket


def admitted(found: Guard, bound: Bound = BOUND, asked: Asked = ASKED) -> Ticket:
    ticket = asking(found, asked)
    assert list(ticket.admit(bound)) == []
    return ticket


def refusal(found: Guard, bound: Bound = BOUND, asked: Asked = ASKED) -> Refusal:
    with pytest.raises(Refused) as caught:
        admitted(found, bound, asked)
    return caught.value.refusal


def figures(found: Guard, budget: str = "global/total", value: str = "", window: str = "total") -> tuple[int, int]:
    assert found.store is not None
    unit = next(one.unit for one in found.register.budgets if one.name == budget)
    one = found.store.figure(Counter(budget, value, window, unit))
    return one.committed, one.held
