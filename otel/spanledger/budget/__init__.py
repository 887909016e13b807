"""Budgets: what may be spent, by whom, in which window; and the stores that see to it, whoever else is spending."""
