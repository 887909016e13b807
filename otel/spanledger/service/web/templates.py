"""The templates, and how they write figures: as reports do."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from spanledger.budget.model import told
from spanledger.money import nine_places, usd
from spanledger.report.cells import NONE, shown
from spanledger.service.web.assets import assets
from spanledger.service.web.looked import address

#: Fields that are points in time: `Started`, `Ended`, `First chunk`.
_MOMENTS = tuple((word, f"{word} (UTC)") for word in ("Started", "Ended", "First chunk"))
_FOLDER = Path(__file__).with_name("templates")


@cache
def templates() -> Environment:
    """The environment: whatever a name holds is text, and a name that is not there is an error."""
    made = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "usd": lambda nano: NONE if nano is None else usd(nano),
        "exactly": exactly,
        "count": lambda value: shown(value, "count"),
        "counted": counted,
        "number": lambda value: shown(value, "number"),
        "took": lambda ms: shown(None if ms is None else ms * 1e6, "ms"),
        "percent": lambda value: shown(None if value is None else value / 100, "share"),
        "name": name,
        "label": label,
        "amount": amount,
        "moment": moment,
        "share": share,
    }
    made.globals |= {"asset": lambda name: assets()[name].address, "address": address}
    return made


def name(value: str | None) -> str:
    """A name that somebody gave, or that nobody did."""
    return shown(value, "text") if value else "(none)"


def exactly(nano: int) -> str:
    """Money to the last place, so that whoever adds up gets the sum."""
    whole, _, places = nine_places(nano).partition(".")
    return f"${int(whole):,}.{places.rstrip('0'):0<2}"


def counted(number: int, what: str) -> str:
    """So many of something: `1 call`, `2 calls`."""
    return f"{shown(number, 'count')} {what}{'' if number == 1 else 's'}"


def label(field: str) -> str:
    """What a field of an answer is called before people."""
    words = field.replace("_", " ").capitalize()
    for ours, theirs in (("nano usd", "in nano-USD"), (" id", " ID"), (" ms", " in ms"), *_MOMENTS):
        words = words.replace(ours, theirs)
    return words


def amount(value: int | None, unit: str) -> str:
    """An amount of a budget in its unit."""
    return NONE if value is None else told(unit, value)


def moment(value: datetime | float) -> str:
    """A point in time, UTC."""
    at = value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}"


def share(part: float, whole: float) -> str:
    """The length of a bar as SVG takes it."""
    length = 100 * part / whole if whole > 0 else 0.0
    return f"{min(max(length, 0.0), 100.0):.2f}%"


def render(template: str, **found: Any) -> str:
    """A page as text."""
    return templates().get_template(template).render(**found)
