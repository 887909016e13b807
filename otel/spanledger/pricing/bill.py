"""A cost line by line: what was used, at which rate, and what of it has no known price.

The price book uses it for calls that used more than tokens; the command line prints it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from spanledger.pricing.fees import PER, UNIT_KINDS
from spanledger.pricing.rates import PICO_PER_NANO, Rates, fitted, input_parts, output_parts
from spanledger.usage import Usage


@dataclass(frozen=True, slots=True)
class Line:
    """So many of a kind (a field of `Rates`, or of `Units`) at so many pico-USD for `per` of them."""

    kind: str
    count: int
    rate: int
    per: int = 1

    @property
    def pico(self) -> int:
        """What the line costs, in pico-USD, rounded up."""
        return -(-self.count * self.rate // self.per)

    @property
    def nano(self) -> int:
        """The same in nano-USD: the lines of a bill can so come to a little more than the whole of it."""
        return -(-self.pico // PICO_PER_NANO)


@dataclass(frozen=True, slots=True)
class Bill:
    """The lines of a call. `missing` are the kinds that were used and have no known price."""

    lines: tuple[Line, ...]
    missing: tuple[str, ...] = ()

    @property
    def nano(self) -> int:
        """What the lines cost together, in nano-USD, rounded up once."""
        return -(-sum(line.pico for line in self.lines) // PICO_PER_NANO)


def itemised(rates: Rates, usage: Usage) -> Bill | None:
    """The bill of a checked usage; None if nothing in it has a known price."""
    usage = _as_billed(usage)
    if not rates.per_token and usage.total:
        return None
    whole, lines = _tokens(rates, usage)
    units, missing = _units(rates.row(whole), usage)
    if not units and not (lines if missing else rates.per_token):
        return None
    return Bill((*lines, *units), missing)


def _as_billed(usage: Usage) -> Usage:
    """The tokens that the provider bills where it says so itself: plain ones, whatever was counted."""
    into, out = usage.units.billed_input, usage.units.billed_output
    if into is not None:
        usage = replace(usage, input=into, cache_read=0, cache_read_audio=0, cache_read_image=0, input_video=0)
        usage = replace(usage, cache_write=0, cache_write_long=0, input_audio=0, input_image=0)
    if out is not None:
        usage = replace(usage, output=out, reasoning=0, citation=0, output_audio=0, output_image=0, output_video=0)
    return usage


def _tokens(rates: Rates, usage: Usage) -> tuple[int, list[Line]]:
    """How many input tokens there are in all, and the lines for tokens, web searches and the call itself."""
    write = max(usage.cache_write, usage.cache_write_long)
    whole = max(usage.input, usage.cache_read + write)
    row = rates.row(whole)
    counts = fitted(whole, row, "input", input_parts(usage, write))
    counts |= fitted(usage.output, row, "output", output_parts(usage))
    counts |= {"web_search": usage.web_searches, "request": 1 if row.request else 0}
    return whole, [Line(kind, count, int(getattr(row, kind))) for kind, count in counts.items() if count]


def _units(row: Rates, usage: Usage) -> tuple[list[Line], tuple[str, ...]]:
    """The lines for units, and the kinds without a fee.

    Preview searches are among the web searches and paid as such; their line is what they cost above that.
    """
    lines, missing = [], []
    for kind in UNIT_KINDS:
        count, fee = int(getattr(usage.units, kind)), row.fees.get(kind)
        if kind == "audio_ms" and count:
            count = max(count, row.least_audio_ms)
        if kind == "preview_searches":
            fee = max(0, (fee or 0) - row.web_search)
        if count and fee is None:
            missing.append(kind)
        elif count and fee is not None:
            lines.append(Line(kind, count, fee, PER.get(kind, 1)))
    return lines, tuple(missing)
