"""The call ledger with millions of calls in it: how it is filled, and how long questions take."""
