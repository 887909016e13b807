"""`spanledger cost`: what a call costs, line by line, as docs/cost.md explains it."""

from __future__ import annotations

import argparse
import json
from typing import Any

from spanledger.cli.quote import Quote, add_choice, per_million, quote, the_book, usd
from spanledger.errors import ConfigError
from spanledger.money import nine_places
from spanledger.pricing.bill import Bill, Line, itemised
from spanledger.pricing.rates import TOKEN_KINDS
from spanledger.usage import Units, Usage

#: Options by field of `Usage`, with what they mean.
_TOKENS = {
    "input": "input tokens in all",
    "output": "output tokens in all",
    "cached": "input tokens that were read from a cache",
    "cache-write": "input tokens that were written to a cache",
    "cache-write-long": "those of them that live longer than the provider's default",
    "reasoning": "output tokens of reasoning",
    "input-audio": "input tokens of audio",
    "output-audio": "output tokens of audio",
    "input-image": "input tokens of images",
    "output-image": "output tokens of images",
    "web-searches": "web searches",
}

#: Options by field of `Units`.
_UNITS = {
    "audio-ms": "milliseconds of audio that is billed by time",
    "characters": "characters of text to speech",
    "file-searches": "searches in stored files",
    "code-sessions": "containers that code ran in",
    "code-executions": "executions of code",
}


def add(commands: Any) -> None:
    """Declare the command."""
    own = commands.add_parser("cost", help="say what a call costs, line by line")
    own.add_argument("--model", required=True)
    for option, meaning in (_TOKENS | _UNITS).items():
        own.add_argument(f"--{option}", type=_count, default=0, metavar="N", help=meaning)
    add_choice(own)
    own.set_defaults(do=do)


def do(given: argparse.Namespace) -> int:
    """Print the bill."""
    usage = _usage(given)
    found = quote(the_book(), given)
    bill = itemised(found.rates, usage)
    if bill is None:
        raise ConfigError(f"{found.model} is not billed by tokens; give what it is billed by, such as --audio-ms")
    print(json.dumps(_plain(found, bill), indent=2) if given.format == "json" else _text(found, bill))
    return 0


def _count(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no count; give a whole number such as 1000")
    return int(text)


def _usage(given: argparse.Namespace) -> Usage:
    """What the options say was used.

    Raises:
        ConfigError: a part is more than its whole.
    """
    counts = {option.replace("-", "_"): getattr(given, option.replace("-", "_")) for option in _TOKENS}
    units = Units(**{option.replace("-", "_"): getattr(given, option.replace("-", "_")) for option in _UNITS})
    usage = Usage(cache_read=counts.pop("cached"), units=units, **counts)
    if usage.flagged().suspect:
        raise ConfigError(
            "a part is more than its whole or no model could use so much; --input counts all input tokens, cached and "
            "written ones too, and --output all output tokens, reasoning too"
        )
    return usage


def _plain(found: Quote, bill: Bill) -> dict[str, Any]:
    return {
        "model": found.model,
        "provider": found.provider,
        "tier": found.tier or "standard",
        "at": found.at.isoformat(),
        "version": found.tariff.version,
        "lines": [
            {"kind": line.kind, "count": line.count, "rate": _rate(line), "usd": usd(line.pico)} for line in bill.lines
        ],
        "missing": list(bill.missing),
        "usd": nine_places(bill.nano),
    }


def _rate(line: Line) -> str:
    """USD per million tokens, or for what is no token, per unit that it is sold by."""
    return per_million(line.rate) if line.kind in TOKEN_KINDS else usd(line.rate)


def _unit(line: Line) -> str:
    if line.kind in TOKEN_KINDS:
        return "per million"
    return "per hour" if line.kind == "audio_ms" else "each"


def _text(found: Quote, bill: Bill) -> str:
    rows = [f"{found}, by {found.tariff.version}"]
    rows += [
        f"  {line.kind:<18}{line.count:>12,} at {_rate(line):>10} USD {_unit(line):<12}{usd(line.pico):>18}"
        for line in bill.lines
    ]
    rows.append(f"  {'total':<58}{nine_places(bill.nano):>18} USD")
    rows += [f"  {kind}: the price is not known, and not in the total" for kind in bill.missing]
    return "\n".join(rows)
