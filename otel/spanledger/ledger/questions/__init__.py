"""What the ledger can be asked, and its answers. Nothing here writes."""
