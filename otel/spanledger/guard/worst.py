"""What an attempt may cost at most, and what is left to be changed in a request so that this fits."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from spanledger.bound import Bound
from spanledger.budget.model import Budget
from spanledger.budget.register import Place
from spanledger.budget.store import Store
from spanledger.errors import Refused
from spanledger.guard.refusals import by_rule
from spanledger.pricing import Limits, PriceBook, Rates
from spanledger.scope import Scope
from spanledger.usage import Units, Usage

#: Output tokens that any model takes as a cap. Serves where nobody knows a model's own maximum.
SAFE_CAP = 4_096
#: An injected cap takes one part in so many of what is left, unless that is less than `SAFE_CAP` tokens.
SHARE = 4
#: No smaller cap is injected: an answer of fewer tokens is of no use, so the call is refused instead.
USEFUL = 64
#: Tokens for which a rate is asked, so that its rounding does not matter.
_MANY = 1_000_000
_PICO_PER_NANO = 1_000

#: The policy under which a call of unknown price is let go and charged nothing.
ALLOW = "allow"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the guard must know of a call.

    `tier` is the service tier asked for, `key` a fingerprint of the API key, `free` an operation that costs nothing.
    """

    provider: str
    model: str | None
    payer: Scope
    tier: str | None = None
    key: str | None = None
    baggage: Mapping[str, str] = field(default_factory=dict)
    free: bool = False


@dataclass(frozen=True, slots=True)
class Cut:
    """What is to be changed in a request so that it fits: the model, the cap on its output, or nothing."""

    model: str | None = None
    output: int | None = None


@dataclass(frozen=True, slots=True)
class Worst:
    """The worst case of an attempt, in tokens and nano-USD; None where nobody knows."""

    tokens: int | None
    nano_usd: int | None


class Estimator:
    """Knows models: their prices, windows and longest answers. `unpriced` is the setting's policy."""

    def __init__(self, book: PriceBook, unpriced: str | None) -> None:
        self._book = book
        self._unpriced = unpriced

    @property
    def broken(self) -> str | None:
        """Why the user's own prices cannot be read: then the list price may be too low to hold."""
        return self._book.broken

    def limits(self, asked: Asked) -> Limits:
        """The context window and the longest answer of the model, as far as known."""
        return self._book.limits(asked.provider, asked.model) if asked.model else Limits()

    def rates(self, asked: Asked) -> Rates | None:
        """What the model's tokens cost, None if nobody knows."""
        return self._book.rates(asked.provider, asked.model, None, asked.tier) if asked.model else None

    def output(self, bound: Bound, limits: Limits) -> int | None:
        """Output tokens at most, of all choices together."""
        one = bound.output
        if one is None:
            one = limits.output if limits.output is not None else limits.context
        return None if one is None else one * bound.choices

    def worst(self, asked: Asked, bound: Bound) -> Worst:
        """The worst case of one attempt."""
        if asked.free:
            return Worst(0, 0)
        if bound.units is not None and (paid := self._units(asked, bound.units)) is not None:
            return Worst(0, paid)
        limits = self.limits(asked)
        tokens_in = bound.input(limits.context)
        tokens_out = self.output(bound, limits)
        if tokens_in is None or tokens_out is None:
            return Worst(None, None)
        tokens_out *= bound.passes or 1
        rates = self.rates(asked)
        if rates is None:
            return Worst(tokens_in + tokens_out, None)
        searches = ((bound.passes or 1) - 1) * rates.web_search
        nano = rates.worst(tokens_in, tokens_out, text_only=bound.text_only) - (-searches // _PICO_PER_NANO)
        return Worst(tokens_in + tokens_out, nano)

    def _units(self, asked: Asked, units: Units) -> int | None:
        """What so much of what is no token costs; None if nobody knows, or the model is billed by tokens."""
        if asked.model is None or self.rates(asked) is not None:
            return None
        price = self._book.price(Usage(units=units), provider=asked.provider, model=asked.model, tier=asked.tier)
        return None if price is None or price.missing else price.nano_usd

    def amounts(self, asked: Asked, bounds: Sequence[Bound], places: Sequence[Place]) -> tuple[int, ...]:
        """What an attempt has to hold in each place, in its unit.

        Raises:
            Refused: where a hard budget would have to hold what nobody can name.
        """
        worst = _sum((self.worst(asked, bound), bound.times) for bound in bounds)
        return tuple(self._amount(asked, bounds, place.budget, worst) for place in places)

    def _amount(self, asked: Asked, bounds: Sequence[Bound], budget: Budget, worst: Worst) -> int:
        if budget.unit == "calls":
            return sum(bound.times for bound in bounds)
        found = worst.tokens if budget.unit == "tokens" else worst.nano_usd
        if not budget.hard:
            return found or 0
        refuses = budget.unbounded == "refuse" and not asked.free
        if refuses and any(bound.passes is None for bound in bounds):
            detail = "the provider may run tools any number of times; set max_tool_calls, or unbounded: window"
            raise _too_large(budget, detail)
        if found is not None:
            return found
        reason = next((bound.reason for bound in bounds if bound.reason), None)
        if reason is not None and (asked.model is None or not self._unpriced_in(asked, budget)):
            if refuses:
                raise _too_large(budget, f"{reason}; it goes under unbounded: window, which holds nothing for it")
            return 0
        if self._unpriced_in(asked, budget):
            if self._unpriced == ALLOW:
                return 0
            detail = f"no price is known for {asked.model!r} of {asked.provider}; see SPANLEDGER_PRICES"
            raise Refused(by_rule(budget, "unpriced", detail))
        raise _too_large(
            budget,
            f"the context window of {asked.model!r} is not known; cap the output, or name it in SPANLEDGER_PRICES",
        )

    def _unpriced_in(self, asked: Asked, budget: Budget) -> bool:
        return budget.unit == "USD" and not (asked.model and self._book.known(asked.provider, asked.model, asked.tier))

    def cap(self, asked: Asked, bound: Bound, places: Sequence[Place], store: Store) -> int | None:
        """The cap on output tokens to put into a request that has none; None where it is left as it is.

        A quarter of what the tightest budget has left, so that calls side by side find room, but no less than
        `SAFE_CAP` tokens where these fit; never more than the model can write.
        """
        hard = [place for place in places if place.budget.hard and place.budget.unit != "calls"]
        modes = {place.budget.uncapped for place in hard}
        if not hard or bound.output is not None or modes == {"model_max"}:
            return None
        if "refuse" in modes:
            refuses = next(place.budget for place in hard if place.budget.uncapped == "refuse")
            raise _too_large(refuses, "the request has no cap on its output; set max_tokens")
        longest = self.limits(asked).output or SAFE_CAP
        wanted = min([longest, *(p.budget.output_cap for p in hard if p.budget.output_cap is not None)])
        if window := self.limits(asked).window:
            # Small models refuse a request whose prompt and cap together pass their window.
            wanted = min(wanted, max(window // SHARE, window - (bound.size or window)))
        rooms = [room for place in hard if (room := self._room(asked, bound, place, store)) is not None]
        room = min(rooms, default=wanted)
        return max(USEFUL, min(wanted, max(room // SHARE, min(room, SAFE_CAP))))

    def _room(self, asked: Asked, bound: Bound, place: Place, store: Store) -> int | None:
        """Output tokens of one choice that still fit, None where nobody knows."""
        left = place.remaining(store)
        tokens_in = bound.input(self.limits(asked).context)
        if left is None or tokens_in is None:
            return None
        if place.budget.unit == "tokens":
            return (left - tokens_in) // bound.choices
        rates = self.rates(asked)
        if rates is None:
            return None
        without = rates.worst(tokens_in, 0, text_only=bound.text_only)
        many = rates.worst(tokens_in, _MANY, text_only=bound.text_only) - without
        return (left - without) * _MANY // many // bound.choices if many > 0 else None


def _sum(found: Iterable[tuple[Worst, int]]) -> Worst:
    """All together, each so many times; None where nobody knows one of them."""
    tokens: int | None = 0
    nano: int | None = 0
    for worst, times in found:
        tokens = None if tokens is None or worst.tokens is None else tokens + times * worst.tokens
        nano = None if nano is None or worst.nano_usd is None else nano + times * worst.nano_usd
    return Worst(tokens, nano)


def _too_large(budget: Budget, detail: str) -> Refused:
    return Refused(by_rule(budget, "too_large", detail))
