"""What keeps the demo from running."""

from __future__ import annotations


class DemoError(Exception):
    """One sentence for the person at the terminal; the program ends with exit code 2."""
