"""The tokens of one answer: the truth this provider bills."""

from __future__ import annotations

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Tokens:
    """Tokens, inclusive: what was read from and written to a cache is a part of `input`, `reasoning` of `output`.

    `cache_write_long` is the part of `cache_write` that is kept for an hour.
    """

    input: int = 0
    cached: int = 0
    output: int = 0
    reasoning: int = 0
    cache_write: int = 0
    cache_write_long: int = 0

    def __add__(self, other: Tokens) -> Tokens:
        """Both together."""
        return Tokens(
            self.input + other.input,
            self.cached + other.cached,
            self.output + other.output,
            self.reasoning + other.reasoning,
            self.cache_write + other.cache_write,
            self.cache_write_long + other.cache_write_long,
        )

    def to_json(self) -> dict[str, int]:
        """As the bill shows them."""
        return {f"{name}_tokens": value for name, value in asdict(self).items()}
