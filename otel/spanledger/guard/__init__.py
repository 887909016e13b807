"""Stands between a call and the provider: no attempt leaves without a hold of its worst case on all its budgets."""

from spanledger.guard.deferred import Deferred
from spanledger.guard.guard import BudgetWarning, Guard, Policy, Warned
from spanledger.guard.pausing import BudgetPause, Decider, Decision
from spanledger.guard.ticket import Ended, Ticket
from spanledger.guard.worst import Asked, Cut

__all__ = [
    "Asked",
    "BudgetPause",
    "BudgetWarning",
    "Cut",
    "Decider",
    "Decision",
    "Deferred",
    "Ended",
    "Guard",
    "Policy",
    "Ticket",
    "Warned",
]
