"""What each kind of token costs, and what a usage costs at that. Integers only: pico-USD per token.

Of some 7,800 token prices of the source, 28 are no whole pico-USD per token (float noise of two resellers); those are
rounded up. So sums are exact, and the one rounding of a call is the last step, up to a nano-USD.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from spanledger.usage import Usage

PICO_PER_NANO = 1_000


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices of one model at one moment: pico-USD per token; `web_search` per search, `request` per call.

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
        return text if text_only else max(text, self.input_audio, self.cache_read_audio, self.input_image)

    def dearest_output(self, *, text_only: bool = False) -> int:
        """The highest rate that a token of the output can have, below the first cliff."""
        text = max(self.output, self.reasoning)
        return text if text_only else max(text, self.output_audio, self.output_image)


#: The fields of `Rates` that are prices of tokens.
TOKEN_KINDS = tuple(field.name for field in fields(Rates) if field.name not in ("web_search", "request", "cliffs"))


def _of_input(row: Rates, usage: Usage, whole: int, write: int) -> int:
    """Pico-USD of the input: `whole` tokens, `write` of which were written to a cache."""
    read, long = usage.cache_read, usage.cache_write_long
    if not (long or usage.input_audio or usage.input_image):
        return (whole - read - write) * row.input + read * row.cache_read + write * row.cache_write
    cached_audio = min(usage.cache_read_audio, read, usage.input_audio)
    return _spread(
        whole,
        row.input,
        (read - cached_audio, row.cache_read),
        (write - long, row.cache_write),
        (long, row.cache_write_long),
        (cached_audio, row.cache_read_audio),
        (usage.input_audio - cached_audio, row.input_audio),
        (usage.input_image, row.input_image),
    )


def _of_output(row: Rates, usage: Usage) -> int:
    """Pico-USD of the output."""
    thought = (usage.reasoning, row.reasoning)
    if not (usage.output_audio or usage.output_image):
        return _spread(usage.output, row.output, thought)
    audio, image = (usage.output_audio, row.output_audio), (usage.output_image, row.output_image)
    return _spread(usage.output, row.output, thought, audio, image)


def _spread(whole: int, plain: int, *parts: tuple[int, int]) -> int:
    """Pico-USD of `whole` tokens, of which `parts` (tokens, rate) have rates of their own and the rest is plain.

    Parts that are more than the whole overlap (cached images are counted twice); how is not known, so that the
    cheaper parts give way and the dearer ones are charged in full.
    """
    rest, total = whole, 0
    for tokens, rate in parts:
        rest -= tokens
        total += tokens * rate
    if rest >= 0:
        return total + rest * plain
    for tokens, rate in sorted(parts, key=lambda part: part[1]):
        twice = min(tokens, -rest)
        rest += twice
        total -= twice * rate
    return total


def complete(
    own: Mapping[str, int], *, web_search: int, long_write: int = 0, cliffs: tuple[tuple[int, Rates], ...] = ()
) -> Rates:
    """Rates for every kind of token out of those a table names (fields of `Rates`, pico-USD). Nothing is left out.

    A part without a rate of its own costs what its whole costs; cached audio costs the dearer of audio and cache; a
    whole without a rate (the output of an embedding model) costs the dearest rate there is. `web_search` is charged
    where the table names no fee; `long_write` is a floor under a rate for long cache writes that the table lacks, in
    multiples of the input rate.
    """
    dearest = max(own[kind] for kind in TOKEN_KINDS if kind in own)
    paid_in, paid_out = own.get("input", dearest), own.get("output", dearest)
    write = own.get("cache_write", paid_in)
    overlap = max((own[kind] for kind in ("cache_read", "input_audio") if kind in own), default=paid_in)
    return Rates(
        input=paid_in,
        output=paid_out,
        cache_read=own.get("cache_read", paid_in),
        cache_write=write,
        cache_write_long=own.get("cache_write_long", max(write, long_write * paid_in)),
        reasoning=own.get("reasoning", paid_out),
        input_audio=own.get("input_audio", paid_in),
        output_audio=own.get("output_audio", paid_out),
        cache_read_audio=own.get("cache_read_audio", overlap),
        input_image=own.get("input_image", paid_in),
        output_image=own.get("output_image", paid_out),
        web_search=own.get("web_search", web_search),
        request=own.get("request", 0),
        cliffs=cliffs,
    )


def nothing(*, web_search: int) -> Rates:
    """Rates of a model that its provider gives away; web searches are paid for all the same."""
    return complete(dict.fromkeys(TOKEN_KINDS, 0), web_search=web_search)
