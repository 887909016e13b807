"""From the ledger's sums to the sections of the metrics API: pure functions of a connection and a question."""
