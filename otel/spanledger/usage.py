"""The tokens of one call, in the inclusive convention of the semantic conventions.

`input` counts every input token, read from or written to a cache or not; `output` counts every output token,
reasoning included. All other fields are parts of those two and are never added to them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from spanledger.semconv import names

#: A reading beyond this is no token count (the largest context windows are some ten million tokens).
PLAUSIBLE = 100_000_000


@dataclass(frozen=True, slots=True)
class Usage:
    """What one call used, in tokens.

    `cache_write_long` is the part of `cache_write` that lives longer than the provider's default (Anthropic: one
    hour). `audio` and `image` parts may overlap with `cache_read`. `reported_nano_usd` is the cost that the provider
    itself told, in nano-USD.
    """

    input: int = 0
    output: int = 0
    cache_read: int = 0
    cache_write: int = 0
    cache_write_long: int = 0
    reasoning: int = 0
    input_audio: int = 0
    output_audio: int = 0
    cache_read_audio: int = 0
    input_image: int = 0
    output_image: int = 0
    web_searches: int = 0
    reported_nano_usd: int | None = None
    estimated: bool = False
    suspect: bool = False

    @property
    def total(self) -> int:
        """Input and output together."""
        return self.input + self.output

    def __add__(self, other: Usage) -> Usage:
        """Both together. A cost that the provider told is one only if it told that of both."""
        counts: dict[str, Any] = {name: getattr(self, name) + getattr(other, name) for name in _COUNTS}
        told = None
        if self.reported_nano_usd is not None and other.reported_nano_usd is not None:
            told = self.reported_nano_usd + other.reported_nano_usd
        estimated, suspect = self.estimated or other.estimated, self.suspect or other.suspect
        return Usage(**counts, reported_nano_usd=told, estimated=estimated, suspect=suspect)

    def flagged(self) -> Usage:
        """The provider's own counts, flagged suspect where they contradict each other; negative ones count as 0."""
        if self.suspect or (not self._negative() and self._fits()):
            return self
        negative: dict[str, Any] = {f: 0 for f in _COUNTS if getattr(self, f) < 0}
        return replace(self, suspect=True, **negative)

    def _negative(self) -> bool:
        """Whether any count is below 0."""
        parts = min(self.cache_read, self.cache_write, self.cache_write_long, self.reasoning, self.cache_read_audio)
        others = min(self.input_audio, self.output_audio, self.input_image, self.output_image, self.web_searches)
        return min(self.input, self.output, parts, others) < 0

    def checked(self) -> Usage:
        """What is charged: the same counts where they agree, otherwise the larger reading."""
        usage = self.flagged()
        if not usage.suspect:
            return usage
        return replace(
            usage,
            input=max(usage.input, usage.cache_read + usage.cache_write, usage.input_audio, usage.input_image),
            output=max(usage.output, usage.reasoning, usage.output_audio, usage.output_image),
        )

    def _fits(self) -> bool:
        """Whether input and output are at least as large as their parts."""
        parts_in = max(self.cache_read + self.cache_write, self.input_audio, self.input_image)
        return self.input >= parts_in and self.output >= max(self.reasoning, self.output_audio, self.output_image)

    @property
    def plausible(self) -> bool:
        """Whether a model could have used this much; what is not plausible is no usage at all."""
        return self.input <= PLAUSIBLE and self.output <= PLAUSIBLE

    def attributes(self) -> dict[str, int | bool]:
        """As span attributes; parts that are 0 are left out."""
        found: dict[str, int | bool] = {
            names.GEN_AI_USAGE_INPUT_TOKENS: self.input,
            names.GEN_AI_USAGE_OUTPUT_TOKENS: self.output,
        }
        if self.cache_read:
            found[names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS] = self.cache_read
        if self.cache_write:
            found[names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS] = self.cache_write
        if self.reasoning:
            found[names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS] = self.reasoning
        if self.estimated:
            found[names.SPANLEDGER_USAGE_ESTIMATED] = True
        if self.suspect:
            found[names.SPANLEDGER_USAGE_SUSPECT] = True
        return found


_COUNTS = tuple(f.name for f in fields(Usage) if f.name not in ("reported_nano_usd", "estimated", "suspect"))


def count(value: object) -> int:
    """A token count out of a provider's JSON: whole numbers as they are, anything else is 0."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    return int(value) if math.isfinite(value) else 0


def from_attributes(attributes: Mapping[str, Any]) -> Usage | None:
    """The usage that a span under our names claims, None if it claims none."""
    if names.GEN_AI_USAGE_INPUT_TOKENS not in attributes and names.GEN_AI_USAGE_OUTPUT_TOKENS not in attributes:
        return None
    found = Usage(
        input=count(attributes.get(names.GEN_AI_USAGE_INPUT_TOKENS)),
        output=count(attributes.get(names.GEN_AI_USAGE_OUTPUT_TOKENS)),
        cache_read=count(attributes.get(names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS)),
        cache_write=count(attributes.get(names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS)),
        reasoning=count(attributes.get(names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS)),
    ).flagged()
    return found if found.plausible else None
