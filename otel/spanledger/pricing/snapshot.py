"""The entries of one release of genai-prices as a file of ours, because importing it takes 100 to 500 ms.

The file is read only while that very release is installed; any other one is imported and read itself, so that an
update of prices counts at once. `make generate` writes the file and `make check` compares it. One line is one model,
so that an update reads as a diff; only the lines of the providers that are asked for are parsed.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, time
from importlib.metadata import version
from pathlib import Path
from typing import Any

from spanledger.pricing.entries import Entry, Ladder, Match, Named, Shop

FILE = Path(__file__).with_name("genai_prices.jsonl")


def release() -> str:
    """The release of genai-prices that is installed."""
    return version("genai-prices")


class Snapshot(Mapping[str, Shop]):
    """Providers by id; each is parsed when it is first asked for."""

    def __init__(self, lines: Sequence[str]) -> None:
        heading = json.loads(lines[0])
        self.release: str = heading["release"]
        self.search_fees: dict[str, int] = {shop["id"]: shop["search_fee"] for shop in heading["providers"]}
        self._lines: dict[str, tuple[dict[str, Any], Sequence[str]]] = {}
        self._parsed: dict[str, Shop] = {}
        start = 1
        for shop in heading["providers"]:
            self._lines[shop["id"]] = shop, lines[start : start + shop["models"]]
            start += shop["models"]

    @classmethod
    def read(cls) -> Snapshot:
        """The snapshot that ships with the package."""
        return cls(FILE.read_text(encoding="utf-8").splitlines())

    def __getitem__(self, provider: str) -> Shop:
        if provider not in self._parsed:
            own, lines = self._lines[provider]
            entries = tuple(map(_entry, json.loads(f"[{','.join(lines)}]")))
            self._parsed[provider] = Shop(provider, entries, tuple(own["lenders"]))
        return self._parsed[provider]

    def __iter__(self) -> Iterator[str]:
        return iter(self._lines)

    def __len__(self) -> int:
        return len(self._lines)


def text(shops: Iterable[Shop], installed: str) -> str:
    """What the file must hold for these providers of a release."""
    shops = tuple(shops)
    providers = [
        {"id": shop.id, "lenders": shop.lenders, "models": len(shop.entries), "search_fee": shop.search_fee()}
        for shop in shops
    ]
    lines = [_line({"release": installed, "providers": providers})]
    lines += [_line(_plain(entry)) for shop in shops for entry in shop.entries]
    return "\n".join(lines) + "\n"


def _line(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


def _plain(entry: Entry) -> dict[str, Any]:
    """An entry for JSON; what has its default is left out."""
    plain: dict[str, Any] = {
        "id": entry.id,
        "match": _plain_match(entry.match),
        "tiers": {
            tier: [{kind: _plain_ladder(ladder) for kind, ladder in row.items()} for row in rows]
            for tier, rows in entry.tiers.items()
        },
        "days": [day.isoformat() for day in entry.days],
        "hours": [hour.isoformat() for hour in entry.hours],
        "free": entry.free,
        "window": entry.window,
    }
    return {key: value for key, value in plain.items() if value}


def _plain_match(match: Match) -> list[Any]:
    return [match.how, *map(_plain_match, match.parts)] if match.parts else [match.how, match.text]


def _plain_ladder(ladder: Ladder) -> int | Ladder:
    return ladder[0][1] if len(ladder) == 1 else ladder


def _entry(plain: dict[str, Any]) -> Entry:
    return Entry(
        plain["id"],
        _match(plain["match"]),
        {tier: tuple(map(_row, rows)) for tier, rows in plain["tiers"].items()},
        tuple(map(date.fromisoformat, plain.get("days", ()))),
        tuple(map(time.fromisoformat, plain.get("hours", ()))),
        plain.get("free", False),
        plain.get("window"),
    )


def _match(plain: list[Any]) -> Match:
    how, *rest = plain
    return Match(how, rest[0]) if isinstance(rest[0], str) else Match(how, parts=tuple(map(_match, rest)))


def _row(plain: dict[str, Any]) -> Named:
    return {
        kind: ((-1, ladder),) if isinstance(ladder, int) else tuple((start, pico) for start, pico in ladder)
        for kind, ladder in plain.items()
    }
