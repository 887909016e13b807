"""What is paid for and no token: audio by time, text by the character, pages, pictures, and tools by use.

A fee is pico-USD per unit, in `Rates.fees` by the field of `usage.Units` that counts it. A unit whose fee nobody
knows is named, not guessed and not left out in silence: the price of such a call is what is known of it.
"""

from __future__ import annotations

from collections.abc import Mapping

#: How many units a fee is for: audio is counted in milliseconds and priced by the hour.
PER: Mapping[str, int] = {"audio_ms": 3_600_000}

#: The fields of `Units` that cost something. Web fetches are told by Anthropic and free.
UNIT_KINDS = (
    "audio_ms", "characters", "images", "pages", "search_units", "preview_searches", "social_searches",
    "file_searches", "maps_searches", "code_executions", "code_sessions", "drawn_images",
)  # fmt: skip
