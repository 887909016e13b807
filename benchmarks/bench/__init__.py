"""What spanledger costs an app beside what others cost: overhead per call, memory, start. `overhead.py` runs it."""
