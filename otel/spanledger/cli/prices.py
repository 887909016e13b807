"""`spanledger prices show | check | diff`: what a model costs, and what a file of one's own changes."""

from __future__ import annotations

import argparse
import json
from typing import Any

from spanledger.cli.changes import Change, changes
from spanledger.cli.quote import Quote, add_choice, add_format, moment, quote, rates_of, setting, the_book, uses_of
from spanledger.errors import ConfigError
from spanledger.pricing.overrides import Overrides, read


def add(commands: Any) -> None:
    """Declare the command."""
    own = commands.add_parser("prices", help="show prices, check a price file, say what it changes")
    own.set_defaults(do=lambda _: own.print_help() or 2)
    parts = own.add_subparsers(metavar="PART")
    show = parts.add_parser("show", help="all rates of a model")
    show.add_argument("model")
    add_choice(show)
    show.set_defaults(do=do_show)
    check = parts.add_parser("check", help="say what is wrong with a price file")
    check.add_argument("file")
    add_format(check)
    check.set_defaults(do=do_check)
    diff = parts.add_parser("diff", help="say what a price file changes")
    diff.add_argument("file", nargs="?", help="by default the file of SPANLEDGER_PRICES")
    diff.add_argument("--against", metavar="FILE", help="another price file; by default the price tables")
    diff.add_argument("--at", type=moment, metavar="DATE", help="prices of this day; by default of now")
    add_format(diff)
    diff.set_defaults(do=do_diff)


def do_show(given: argparse.Namespace) -> int:
    """Print the rates of a model."""
    found = quote(the_book(), given)
    print(json.dumps(_plain(found), indent=2) if given.format == "json" else _text(found))
    return 0


def do_check(given: argparse.Namespace) -> int:
    """Print what the file says; 1 if it has names that lead nowhere."""
    overrides = read(given.file)
    lost = [change.name for change in changes(overrides, None, None) if not change.after]
    if given.format == "json":
        print(json.dumps({"version": overrides.version, **_counts(overrides), "unpriced": lost}, indent=2))
    else:
        said = ", ".join(f"{what} {count}" for what, count in _counts(overrides).items())
        print(f"{overrides.version}: {said}")
        for name in lost:
            print(f"  {name} has no price: the model it stands for is not known")
    return 1 if lost else 0


def do_diff(given: argparse.Namespace) -> int:
    """Print every model whose price the file changes, and by how much."""
    path = given.file or setting()
    if path is None:
        raise ConfigError("no price file is given; name one, or set SPANLEDGER_PRICES")
    found = list(changes(read(path), read(given.against) if given.against else None, given.at))
    if given.format == "json":
        print(json.dumps([row for change in found for row in change.rows()], indent=2))
    else:
        print("\n".join(map(_line, found)) or "it changes nothing")
    return 0


def _counts(overrides: Overrides) -> dict[str, int]:
    return {
        "prices": len(overrides.prices),
        "aliases": len(overrides.aliases),
        "discounts": len(overrides.discounts),
    }


def _line(change: Change) -> str:
    said = "; ".join(
        f"{row['kind']} {row['before'] or 'unknown'} → {row['after'] or 'unknown'}"
        + (f" ({row['percent']} %)" if row["percent"] else "")
        for row in change.rows()
    )
    return f"{change.name}: {said or 'has no price'}"


def _plain(found: Quote) -> dict[str, Any]:
    tariff, rates = found.tariff, found.rates
    return {
        "model": found.model,
        "provider": found.provider,
        "tier": found.tier or "standard",
        "at": found.at.isoformat(),
        "version": tariff.version,
        "usd_per_million_tokens": rates_of(rates),
        "usd_per_use": uses_of(rates),
        "above": [{"input_tokens": at, "usd_per_million_tokens": rates_of(row)} for at, row in reversed(rates.cliffs)],
        "changes_on": [day.isoformat() for day in tariff.days],
        "changes_at_utc": [hour.isoformat("minutes") for hour in tariff.hours],
        "context_window": tariff.limits.window,
        "max_output": tariff.limits.output,
    }


def _text(found: Quote) -> str:
    plain = _plain(found)
    rows = [f"{found}, by {found.tariff.version}"]
    for heading, rates in (
        ("USD per million tokens", plain["usd_per_million_tokens"]),
        *(
            (f"USD per million tokens, for calls with more than {row['input_tokens']:,} input tokens",
             row["usd_per_million_tokens"]) for row in plain["above"]
        ),
        ("USD each (audio_ms: per hour)", plain["usd_per_use"]),
    ):  # fmt: skip
        if rates:
            rows += [f"  {heading}", *(f"    {kind:<18}{rate:>12}" for kind, rate in rates.items())]
    if plain["changes_on"]:
        rows.append(f"  changes on {', '.join(plain['changes_on'])}")
    if plain["changes_at_utc"]:
        rows.append(f"  changes at {', '.join(plain['changes_at_utc'])} UTC")
    known = [(words, plain[key]) for words, key in (("takes", "context_window"), ("answers", "max_output"))]
    rows += [f"  {words} up to {tokens:,} tokens" for words, tokens in known if tokens]
    return "\n".join(rows)
