"""Leases: a process borrows parts of its budgets from a shared store, and serves its calls from these at once."""

from spanledger.budget.lease.store import LeasedStore
from spanledger.budget.lease.terms import Terms

__all__ = ["LeasedStore", "Terms"]
