"""What each kind of token costs, and what a usage costs at that. Integers only: pico-USD per token.

Of some 7,800 token prices of the source, 28 are no whole pico-USD per token (float noise of two resellers); those are
rounded up. So sums are exact, and the one rounding of a call is the last step, up to a nano-USD.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from decimal import ROUND_CEILING, Decimal
from operator import attrgetter
from typing import Any

from spanledger.pricing.fees import UNIT_KINDS
from spanledger.usage import PLAUSIBLE, Usage

PICO_PER_NANO = 1_000


#: Fields of a usage that a call of plain text leaves as they are.
_RARE = attrgetter(*(
    each.name
    for each in fields(Usage)
    if each.name not in ("input", "output", "cache_read", "cache_write", "reasoning", "estimated", "reported_nano_usd")
))  # fmt: skip
_ABSENT = _RARE(Usage())


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices of one model at one moment: pico-USD per token; `web_search` per search, `request` per call.

    `fees` are what other units cost, by field of `usage.Units` (see `fees`). A model that is billed by such units
    alone has no `per_token` prices: its rates are 0, and its tokens have no known price. `least_audio_ms` is the
    shortest audio that is charged.

    `input` and `output` are the rates of the tokens that no other field names. `cliffs` are other rates for the whole
    call, (threshold, rates), highest threshold first: they hold for every token as soon as the call has more input
    tokens than the threshold.
    """

    input: int
    output: int
    cache_read: int
    cache_write: int
    cache_write_long: int
    reasoning: int
    input_audio: int
    output_audio: int
    cache_read_audio: int
    input_image: int
    output_image: int
    web_search: int
    request: int = 0
    cliffs: tuple[tuple[int, Rates], ...] = ()
    cache_read_image: int = 0
    input_video: int = 0
    output_video: int = 0
    citation: int = 0
    per_token: bool = True
    least_audio_ms: int = 0
    fees: Mapping[str, int] = field(default_factory=dict)

    def row(self, total_input: int) -> Rates:
        """The rates for a call with this many input tokens in all."""
        for threshold, rates in self.cliffs:
            if total_input > threshold:
                return rates
        return self

    def pico(self, usage: Usage) -> int:
        """What a checked usage costs, in pico-USD: every token once, at the rate of the narrowest part it is in."""
        write = max(usage.cache_write, usage.cache_write_long)
        whole = max(usage.input, usage.cache_read + write)
        row = self.row(whole)
        paid = _of_input(row, usage, whole, write) + _of_output(row, usage) + row.request
        return paid + usage.web_searches * row.web_search

    def nano(self, usage: Usage) -> int:
        """What a checked usage costs, in nano-USD, rounded up once."""
        return -(-self.pico(usage) // PICO_PER_NANO)

    def text_nano(self, usage: Usage) -> int | None:
        """What `nano` says for a sound usage of text alone, in a tenth of the time; None for any other usage."""
        if not self.per_token or _RARE(usage) != _ABSENT:
            return None
        total, out = usage.input, usage.output
        read, write, thought = usage.cache_read, usage.cache_write, usage.reasoning
        if not (read >= 0 <= write <= total - read and 0 <= thought <= out <= PLAUSIBLE >= total):
            return None
        row = self.row(total) if self.cliffs else self
        paid = (total - read - write) * row.input + read * row.cache_read + write * row.cache_write
        paid += (out - thought) * row.output + thought * row.reasoning + row.request
        return -(-paid // PICO_PER_NANO)

    def worst(self, tokens_in: int, tokens_out: int, *, text_only: bool = False) -> int:
        """An amount in nano-USD that no call with at most so many tokens can exceed, fees for web searches apart.

        `text_only` says that audio and images are certain to play no part, on the way in and out.
        """
        rows = [self, *(rates for threshold, rates in self.cliffs if tokens_in > threshold)]
        dear_in = max(row.dearest_input(text_only=text_only) for row in rows)
        dear_out = max(row.dearest_output(text_only=text_only) for row in rows)
        fee = max(row.request for row in rows)
        return -(-(tokens_in * dear_in + tokens_out * dear_out + fee) // PICO_PER_NANO)

    def dearest_input(self, *, text_only: bool = False) -> int:
        """The highest rate that a token of the input can have, below the first cliff."""
        text = max(self.input, self.cache_read, self.cache_write, self.cache_write_long)
        if text_only:
            return text
        images = max(self.input_image, self.cache_read_image, self.input_video)
        return max(text, self.input_audio, self.cache_read_audio, images)

    def dearest_output(self, *, text_only: bool = False) -> int:
        """The highest rate that a token of the output can have, below the first cliff."""
        text = max(self.output, self.reasoning, self.citation)
        return text if text_only else max(text, self.output_audio, self.output_image, self.output_video)


#: The fields of `Rates` that are prices of tokens.
TOKEN_KINDS = tuple(
    each.name
    for each in fields(Rates)
    if each.name not in ("web_search", "request", "cliffs", "per_token", "least_audio_ms", "fees")
)


def _of_input(row: Rates, usage: Usage, whole: int, write: int) -> int:
    """Pico-USD of the input: `whole` tokens, `write` of which were written to a cache."""
    read, long = usage.cache_read, usage.cache_write_long
    if not (long or usage.input_audio or usage.input_image or usage.input_video):
        return (whole - read - write) * row.input + read * row.cache_read + write * row.cache_write
    return _spread(whole, row, "input", input_parts(usage, write))


def _of_output(row: Rates, usage: Usage) -> int:
    """Pico-USD of the output."""
    if not (usage.output_audio or usage.output_image or usage.output_video or usage.citation):
        thought = usage.reasoning
        if thought <= usage.output:
            return (usage.output - thought) * row.output + thought * row.reasoning
    return _spread(usage.output, row, "output", output_parts(usage))


def input_parts(usage: Usage, write: int) -> dict[str, int]:
    """The input tokens that have a rate of their own, each once, by kind; `write` were written to a cache."""
    read, long = usage.cache_read, usage.cache_write_long
    cached_audio = min(usage.cache_read_audio, read, usage.input_audio)
    cached_image = min(usage.cache_read_image, read - cached_audio, usage.input_image)
    return {
        "cache_read": read - cached_audio - cached_image,
        "cache_write": write - long,
        "cache_write_long": long,
        "cache_read_audio": cached_audio,
        "input_audio": usage.input_audio - cached_audio,
        "cache_read_image": cached_image,
        "input_image": usage.input_image - cached_image,
        "input_video": usage.input_video,
    }


def output_parts(usage: Usage) -> dict[str, int]:
    """The output tokens that have a rate of their own, by kind."""
    return {
        "reasoning": usage.reasoning,
        "citation": usage.citation,
        "output_audio": usage.output_audio,
        "output_image": usage.output_image,
        "output_video": usage.output_video,
    }


def fitted(whole: int, row: Rates, plain: str, parts: Mapping[str, int]) -> dict[str, int]:
    """`whole` tokens by kind: the parts, and the rest under the name of the kind `plain`.

    Parts that are more than the whole overlap (cached images are counted twice); how is not known, so that the
    cheaper parts give way and the dearer ones are charged in full.
    """
    found = {plain: whole - sum(parts.values()), **parts}
    for kind in sorted(parts, key=lambda kind: int(getattr(row, kind))):
        if found[plain] >= 0:
            break
        twice = min(parts[kind], -found[plain])
        found[kind] -= twice
        found[plain] += twice
    return found


def _spread(whole: int, row: Rates, plain: str, parts: Mapping[str, int]) -> int:
    """Pico-USD of `whole` tokens of which some have rates of their own."""
    return sum(tokens * int(getattr(row, kind)) for kind, tokens in fitted(whole, row, plain, parts).items() if tokens)


def complete(
    own: Mapping[str, int], *, web_search: int, long_write: int = 0, cliffs: tuple[tuple[int, Rates], ...] = ()
) -> Rates:
    """Rates for every kind of token out of those a table names (fields of `Rates`, pico-USD). Nothing is left out.

    A part without a rate of its own costs what its whole costs; cached audio and images cost the dearer of their own
    and the cache's rate; a whole without a rate (the output of an embedding model) costs the dearest rate there is.
    `own` also has the fees. `web_search` is charged where it names no fee; `long_write` is a floor under a rate for
    long cache writes that it lacks, in multiples of the input rate.
    """
    dearest = max((own[kind] for kind in TOKEN_KINDS if kind in own), default=0)
    paid_in, paid_out = own.get("input", dearest), own.get("output", dearest)
    write = own.get("cache_write", paid_in)
    cached = own.get("cache_read", 0)
    return Rates(
        input=paid_in,
        output=paid_out,
        cache_read=own.get("cache_read", paid_in),
        cache_write=write,
        cache_write_long=own.get("cache_write_long", max(write, long_write * paid_in)),
        reasoning=own.get("reasoning", paid_out),
        input_audio=own.get("input_audio", paid_in),
        output_audio=own.get("output_audio", paid_out),
        cache_read_audio=own.get("cache_read_audio", max(cached, own.get("input_audio", 0)) or paid_in),
        input_image=own.get("input_image", paid_in),
        output_image=own.get("output_image", paid_out),
        web_search=own.get("web_search", web_search),
        request=own.get("request", 0),
        cliffs=cliffs,
        cache_read_image=own.get("cache_read_image", max(cached, own.get("input_image", 0)) or paid_in),
        input_video=own.get("input_video", paid_in),
        output_video=own.get("output_video", paid_out),
        citation=own.get("citation", paid_out),
        per_token=any(kind in own for kind in TOKEN_KINDS),
        fees={kind: own[kind] for kind in UNIT_KINDS if kind in own},
    )


def nothing(fees: Mapping[str, int]) -> Rates:
    """Rates of a model that its provider gives away; its tools (`fees`) are paid for all the same."""
    return complete({**fees, **dict.fromkeys(TOKEN_KINDS, 0)}, web_search=0)


def scaled(rates: Rates, share: Decimal) -> Rates:
    """The same rates and fees times a share, each rounded up to whole pico-USD."""

    def times(pico: int) -> int:
        return int((pico * share).to_integral_value(ROUND_CEILING))

    tokens: dict[str, Any] = {kind: times(getattr(rates, kind)) for kind in (*TOKEN_KINDS, "web_search", "request")}
    return replace(
        rates,
        **tokens,
        cliffs=tuple((at, scaled(row, share)) for at, row in rates.cliffs),
        fees={kind: times(fee) for kind, fee in rates.fees.items()},
    )
