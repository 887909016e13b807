"""The only place that writes to the terminal."""

import sys


def say(text: str) -> None:
    """Tells the user what is going on. Goes to standard error, so that standard output holds results alone."""
    print(text, file=sys.stderr, flush=True)


def result(text: str) -> None:
    """Writes what was asked for to standard output."""
    print(text, flush=True)
