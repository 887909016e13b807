"""From the text of an environment variable to its value. Each raises ValueError with what would be right."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from typing import Any

#: Reads a value.
Parse = Callable[[str], Any]


def one_of(*choices: str) -> Parse:
    """A parser that takes one of these words, in any case."""

    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text.lower()

    return parse


def flag(text: str) -> bool:
    """Yes or no."""
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    raise ValueError("must be true or false")


def seconds(text: str) -> float:
    """A number of seconds above 0."""
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise ValueError("must be a number of seconds above 0")
    return value


def usd(text: str) -> Decimal:
    """An amount of money."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or value < 0:
        raise ValueError("must be an amount in USD such as 5.00")
    return value


def unpriced(text: str) -> str:
    """What becomes of calls without a known price."""
    if text in ("deny", "allow") or (text.startswith("price_as:") and len(text) > len("price_as:")):
        return text
    raise ValueError("must be deny, allow or price_as:<model>")


def text(text: str) -> str:
    """Whatever it says."""
    return text


def hosts(text: str) -> tuple[tuple[str, str | None], ...]:
    """Pairs of host and provider; None where the host is to be left alone."""
    found: list[tuple[str, str | None]] = []
    for entry in filter(None, (part.strip() for part in text.replace(";", ",").split(","))):
        host, equals, provider = (side.strip() for side in entry.lower().partition("="))
        if host.startswith("-") and len(host) > 1 and not equals:
            found.append((host[1:], None))
        elif host and provider and "/" not in host and not host.startswith("-"):
            found.append((host, provider))
        else:
            raise ValueError("must be host=provider or -host, separated by commas")
    return tuple(found)


def retention(text: str) -> tuple[tuple[str, int | None], ...]:
    """Pairs of what is kept and for how many days; None is for ever."""
    kept = ("calls", "runs", "cache_events", "scores", "minutes", "hours", "days")
    found: list[tuple[str, int | None]] = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, days = (side.strip() for side in entry.lower().partition("="))
        if name not in kept or not (days == "forever" or (days.isdigit() and 0 < int(days) < 36_500)):
            raise ValueError(f"must be days of {', '.join(kept)}, such as calls=90,scores=forever")
        found.append((name, None if days == "forever" else int(days)))
    return tuple(found)


def port(text: str) -> int:
    """A port to listen on."""
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise ValueError("must be a port from 1 to 65535")
    return int(text)


def rate(text: str) -> str:
    """So many requests in a unit of time."""
    count, _, unit = text.lower().partition("/")
    if not count.isdecimal() or not 0 < int(count) < 10**9 or unit not in ("second", "minute", "hour"):
        raise ValueError("must be requests per second, minute or hour, such as 600/minute")
    return text.lower()


def origins(text: str) -> tuple[str, ...]:
    """Origins of web pages."""
    found = tuple(filter(None, (part.strip() for part in text.split(","))))
    if not all(one.startswith(("http://", "https://")) and one.count("/") == 2 for one in found):
        raise ValueError("must be origins such as https://grafana.example.com, separated by commas")
    return found


def http(text: str) -> str:
    """The URL of a server, without a slash at its end."""
    if not text.startswith(("http://", "https://")):
        raise ValueError("must be a URL that begins with http:// or https://")
    return text.rstrip("/")
