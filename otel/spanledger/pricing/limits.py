"""How much a model takes and gives: its context window and its longest answer, as far as anyone says.

Both are upper bounds. A reading above the window is taken for no usage at all, and a guard holds up to it, so a window
that is stated too small would do harm where one that is too large does little.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from spanledger.pricing.entries import Entry
from spanledger.pricing.names import stem

#: One part in twenty more covers every rounding.
_ROUNDING = 20


@dataclass(frozen=True, slots=True)
class Limits:
    """In tokens, None where it is not known. `output` is for one answer (choice) of a call.

    `window` is the context window as it is stated; `context` is what no call goes beyond, a little more, because
    tables round down to 128,000 or 1,000,000 where a model takes 131,072 or 1,048,576.
    """

    window: int | None = None
    output: int | None = None

    @property
    def context(self) -> int | None:
        """The most tokens of one call, input and output together."""
        return self.window + self.window // _ROUNDING if self.window else None


UNKNOWN = Limits()

#: Windows that tables state too small: with a beta header these took 1,000,000 tokens, and were priced above 200,000
#: (platform.claude.com, "Context windows"; genai-prices 0.2.3 has 200,000).
WINDOWS: Mapping[str, int] = dict.fromkeys(
    ("claude-sonnet-4-0", "claude-sonnet-4", "claude-4-sonnet", "claude-sonnet-4-5", "claude-sonnet-4.5"), 1_000_000
)

#: The longest answer, by stem of the name (litellm 1.109, `max_output_tokens`; genai-prices does not say).
_OUTPUTS: Mapping[int, str] = {
    4_096: "gpt-3.5-turbo gpt-3.5-turbo-16k gpt-4 gpt-4-turbo",
    16_384: "gpt-4o gpt-4o-mini gpt-4o-audio gpt-4o-mini-audio gpt-4o-search gpt-audio gpt-audio-mini",
    32_768: "gpt-4.1 gpt-4.1-mini gpt-4.1-nano",
    64_000: "claude-haiku-4-5 claude-opus-4-5 claude-sonnet-4-5",
    65_536: "gemini-2.5-flash gemini-2.5-flash-lite gemini-2.5-pro gemini-3-flash gemini-3.1-flash-lite "
    "gemini-3.1-pro gemini-3.5-flash gemini-3.5-flash-lite gemini-3.6-flash gemini-3.7-flash gemini-3.8-flash",
    100_000: "o1 o1-pro o3 o3-deep-research o3-mini o3-pro o4-mini o4-mini-deep-research",
    128_000: "claude-fable-5 claude-fable-5-1 claude-haiku-5-5 claude-opus-4-6 claude-opus-4-7 claude-opus-4-8 "
    "claude-opus-5 claude-opus-5-5 claude-sonnet-4-6 claude-sonnet-5 claude-sonnet-5-5 gpt-5 gpt-5-mini gpt-5-nano "
    "gpt-5.1 gpt-5.1-codex-mini gpt-5.2 gpt-5.2-pro gpt-5.3-codex gpt-5.4 gpt-5.4-mini gpt-5.4-nano gpt-5.4-pro "
    "gpt-5.5 gpt-5.5-pro gpt-5.6-luna gpt-5.6-sol gpt-5.6-terra gpt-6-astra gpt-6-luna gpt-6-sol gpt-6.1-sol",
    272_000: "gpt-5-pro",
}
OUTPUTS = {name: most for most, names in _OUTPUTS.items() for name in names.split()}


def of(entry: Entry) -> Limits:
    """The limits of an entry.

    The window of an embedding model is that of one text, and a call may carry hundreds; so such a call has none.
    """
    base = stem(entry.id)
    answers = any("output" in row for row in entry.tiers[""])
    window = WINDOWS.get(base, entry.window) if answers else None
    return Limits(window, OUTPUTS.get(base))
