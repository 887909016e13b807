"""What one call used: its tokens, in the inclusive convention of the semantic conventions, and what else is paid for.

`input` counts every input token, read from or written to a cache or not; `output` counts every output token,
reasoning included. All other counts of tokens are parts of those two and are never added to them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from operator import attrgetter
from typing import Any

from spanledger.semconv import names

#: A reading beyond this is no token count (the largest context windows are some ten million tokens).
PLAUSIBLE = 100_000_000


@dataclass(frozen=True, slots=True)
class Units:
    """What one call used that is paid for and no token.

    `billed_input` and `billed_output` are tokens that the provider bills instead of those it counts (Cohere does not
    charge for its own preamble); None where it bills what it counts. `audio_ms` is audio that is billed by time, in
    milliseconds; `characters` text that is billed by the character; `images` pictures made that are billed by the
    piece; `pages` pages of documents read; `search_units` searches of rerankers.

    Tools of the provider that are charged by use: `preview_searches`, which are part of `Usage.web_searches` (OpenAI's
    older tool, dearer with some models); `social_searches` on X; `file_searches` in stored documents; `maps_searches`;
    `code_executions`, and `code_sessions`, the containers that those ran in. `drawn_images` (made by a tool of a
    Responses call) and `web_fetches` are told but not charged by use.
    """

    billed_input: int | None = None
    billed_output: int | None = None
    audio_ms: int = 0
    characters: int = 0
    images: int = 0
    pages: int = 0
    search_units: int = 0
    preview_searches: int = 0
    social_searches: int = 0
    file_searches: int = 0
    maps_searches: int = 0
    code_executions: int = 0
    code_sessions: int = 0
    drawn_images: int = 0
    web_fetches: int = 0

    def __bool__(self) -> bool:
        """Whether there is anything."""
        return self is not NO_UNITS and self != NO_UNITS

    def flagged(self) -> tuple[Units, bool]:
        """The same with 0 for what is negative or beyond belief, and whether there was such a count."""
        wrong: dict[str, Any] = {}
        for name in _UNITS:
            if (value := getattr(self, name)) is not None and not 0 <= value <= PLAUSIBLE:
                wrong[name] = None if name in ("billed_input", "billed_output") else 0
        return (replace(self, **wrong), True) if wrong else (self, False)


_UNITS = tuple(field.name for field in fields(Units))
NO_UNITS = Units()


@dataclass(frozen=True, slots=True)
class Usage:
    """What one call used, in tokens; `units` is the rest.

    `cache_write_long` is the part of `cache_write` that lives longer than the provider's default (Anthropic and
    Bedrock: one hour, OpenAI: twelve hours). Parts of `input` by kind (audio, image, video) may overlap with
    `cache_read`; `cache_read_audio` and `cache_read_image` are where they do. `input_tool` is what the provider's own
    tools gave the model to read, `citation` what it cited, `accepted_prediction` and `rejected_prediction` are tokens
    of an answer that the request foretold. `web_searches` are the searches that the provider charges for.

    `reported_nano_usd` is the cost that the provider itself told, in nano-USD. `reported_total` is the sum of tokens
    that it told, where that is more than its counts add up to; else 0.
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
    cache_read_image: int = 0
    input_video: int = 0
    output_video: int = 0
    input_tool: int = 0
    citation: int = 0
    accepted_prediction: int = 0
    rejected_prediction: int = 0
    reported_total: int = 0
    units: Units = NO_UNITS

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
        units = _together(self, other) if self.units or other.units else NO_UNITS
        return Usage(**counts, reported_nano_usd=told, estimated=estimated, suspect=suspect, units=units)

    def flagged(self) -> Usage:
        """The provider's own counts, flagged suspect where they contradict each other; negative ones count as 0."""
        counts = _counts(self)
        if self.suspect or (min(counts) >= 0 and self._fits() and self.units is NO_UNITS):
            return self
        units, odd = self.units.flagged()
        negative: dict[str, Any] = {name: 0 for name, value in zip(_COUNTS, counts, strict=True) if value < 0}
        if not odd and not negative and self._fits():
            return self
        return replace(self, suspect=True, units=units, **negative)

    def checked(self) -> Usage:
        """What is charged: the same counts where they agree, otherwise the larger reading."""
        usage = self.flagged()
        if not usage.suspect:
            return usage
        into, out = max(usage.input, _input_parts(usage)), max(usage.output, _output_parts(usage))
        return replace(
            usage,
            input=into,
            output=max(out, usage.reported_total - into),
            cache_write=max(usage.cache_write, usage.cache_write_long),
            cache_read=max(usage.cache_read, usage.cache_read_audio + usage.cache_read_image),
        )

    def _fits(self) -> bool:
        """Whether input and output are at least as large as their parts, and the told sum no larger than both."""
        return (
            self.input >= _input_parts(self)
            and self.output >= _output_parts(self)
            and self.reported_total <= self.input + self.output
            and self.cache_read >= self.cache_read_audio + self.cache_read_image
            and self.cache_write >= self.cache_write_long
        )

    @property
    def plausible(self) -> bool:
        """Whether a model could have used this much; what is not plausible is no usage at all."""
        most: int = max(_counts(self))
        return most <= PLAUSIBLE

    def exceeds(self, window: int | None) -> bool:
        """Whether this is more than a model with a context window of so many tokens can read or write."""
        return window is not None and max(self.input, self.output) > window

    def attributes(self) -> dict[str, int | bool]:
        """As span attributes; parts that are 0 are left out, and tokens where only other units were told."""
        found: dict[str, int | bool] = {}
        if self.total or not self.units:
            found = {names.GEN_AI_USAGE_INPUT_TOKENS: self.input, names.GEN_AI_USAGE_OUTPUT_TOKENS: self.output}
        for (_, name), value in zip(_PARTS, _parts(self), strict=True):
            if value:
                found[name] = value
        for field, name in _UNIT_NAMES if self.units else ():
            if value := getattr(self.units, field):
                found[name] = value
        return found


#: What is said of a usage besides input and output, by the name it has on spans.
_PARTS = (
    ("cache_read", names.GEN_AI_USAGE_CACHE_READ_INPUT_TOKENS),
    ("cache_write", names.GEN_AI_USAGE_CACHE_WRITE_INPUT_TOKENS),
    ("cache_write_long", names.SPANLEDGER_USAGE_CACHE_WRITE_LONG_INPUT_TOKENS),
    ("reasoning", names.GEN_AI_USAGE_REASONING_OUTPUT_TOKENS),
    ("input_audio", names.GEN_AI_USAGE_AUDIO_INPUT_TOKENS),
    ("output_audio", names.GEN_AI_USAGE_AUDIO_OUTPUT_TOKENS),
    ("cache_read_audio", names.GEN_AI_USAGE_AUDIO_CACHE_READ_INPUT_TOKENS),
    ("input_image", names.GEN_AI_USAGE_IMAGE_INPUT_TOKENS),
    ("output_image", names.GEN_AI_USAGE_IMAGE_OUTPUT_TOKENS),
    ("cache_read_image", names.GEN_AI_USAGE_IMAGE_CACHE_READ_INPUT_TOKENS),
    ("input_video", names.SPANLEDGER_USAGE_VIDEO_INPUT_TOKENS),
    ("output_video", names.SPANLEDGER_USAGE_VIDEO_OUTPUT_TOKENS),
    ("input_tool", names.SPANLEDGER_USAGE_TOOL_INPUT_TOKENS),
    ("citation", names.SPANLEDGER_USAGE_CITATION_OUTPUT_TOKENS),
    ("accepted_prediction", names.SPANLEDGER_USAGE_ACCEPTED_PREDICTION_OUTPUT_TOKENS),
    ("rejected_prediction", names.SPANLEDGER_USAGE_REJECTED_PREDICTION_OUTPUT_TOKENS),
    ("web_searches", names.SPANLEDGER_USAGE_WEB_SEARCHES),
    ("estimated", names.SPANLEDGER_USAGE_ESTIMATED),
    ("suspect", names.SPANLEDGER_USAGE_SUSPECT),
)
_UNIT_NAMES = tuple((name, getattr(names, f"SPANLEDGER_USAGE_{name.upper()}")) for name in _UNITS)
_parts = attrgetter(*(field for field, _ in _PARTS))
_COUNTS = tuple(f.name for f in fields(Usage) if f.name not in ("reported_nano_usd", "estimated", "suspect", "units"))
_counts = attrgetter(*_COUNTS)


def _together(one: Usage, other: Usage) -> Units:
    """The units of both. Where only one bills other tokens than it counts, the other bills those that it counts."""
    sums: dict[str, Any] = {}
    for name in _UNITS:
        a, b = getattr(one.units, name), getattr(other.units, name)
        if name in ("billed_input", "billed_output") and not (a is None and b is None):
            counted = name.removeprefix("billed_")
            a, b = (getattr(u, counted) if v is None else v for u, v in ((one, a), (other, b)))
        sums[name] = None if a is None else a + b
    return Units(**sums)


def _input_parts(usage: Usage) -> int:
    """The least input that its parts leave possible: kinds exclude each other, reading and writing a cache too."""
    read = max(usage.cache_read, usage.cache_read_audio + usage.cache_read_image)
    kinds = usage.input_audio + usage.input_image + usage.input_video
    return max(read + max(usage.cache_write, usage.cache_write_long), kinds, usage.input_tool)


def _output_parts(usage: Usage) -> int:
    """The least output that its parts leave possible."""
    kinds = usage.output_audio + usage.output_image + usage.output_video
    return max(usage.reasoning + usage.citation, kinds, usage.accepted_prediction + usage.rejected_prediction)


def count(value: object) -> int:
    """A token count out of a provider's JSON: whole numbers as they are, anything else is 0."""
    if type(value) is int:
        return value
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    return int(value) if math.isfinite(value) else 0


def from_attributes(attributes: Mapping[str, Any]) -> Usage | None:
    """The usage that a span under our names claims, None if it claims none. Suspect, where a count is no number."""
    told, unread = _told(_UNIT_OF, attributes)
    units = (Units(**told) or NO_UNITS) if told else NO_UNITS
    claimed = names.GEN_AI_USAGE_INPUT_TOKENS in attributes or names.GEN_AI_USAGE_OUTPUT_TOKENS in attributes
    if not claimed and not units:
        return None
    counts, odd = _told(_COUNT_OF, attributes)
    if max(counts.values(), default=0) > PLAUSIBLE:
        return None
    said: dict[str, Any] = {**counts, "estimated": attributes.get(names.SPANLEDGER_USAGE_ESTIMATED) is True}
    usage = Usage(**said, units=units).flagged()
    suspect = odd or unread or attributes.get(names.SPANLEDGER_USAGE_SUSPECT) is True
    return replace(usage, suspect=True) if suspect and not usage.suspect else usage


#: Fields by the names that they have on spans.
_COUNT_OF = {
    names.GEN_AI_USAGE_INPUT_TOKENS: "input",
    names.GEN_AI_USAGE_OUTPUT_TOKENS: "output",
    **{name: field for field, name in _PARTS if field in _COUNTS},
}
_UNIT_OF = {name: field for field, name in _UNIT_NAMES}


def _told(fields_: dict[str, str], attributes: Mapping[str, Any]) -> tuple[dict[str, int], bool]:
    """The counts among the attributes, by field, and whether there is one that cannot be read."""
    said = {fields_[name]: _number(attributes[name]) for name in fields_.keys() & attributes.keys()}
    counts = {field: number for field, number in said.items() if number is not None}
    return counts, len(counts) < len(said)


def _number(value: object) -> int | None:
    """A count, which some libraries write as text; None where it is none."""
    if type(value) is int:
        return value
    if isinstance(value, str) and len(value) <= _DIGITS and value.isascii() and value.isdecimal():
        return int(value)
    return count(value) if isinstance(value, float) and math.isfinite(value) else None


#: Of a count that is text, at most.
_DIGITS = 20
