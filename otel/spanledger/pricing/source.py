"""The table of genai-prices: which entry a name means, compiled when it is asked for.

Only the data of genai-prices is read. Its own calculation in Decimal takes 80 µs a call and keeps every model name it
was ever asked for; its updater, the one part that opens connections, is never started.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from importlib.metadata import version

from genai_prices import types
from genai_prices.data import providers

from spanledger.pricing import compiling, names, overlay
from spanledger.pricing.tariff import Tariff

#: Tiers that cost more. Only these pass from a lender of models to the provider that resells them: OpenAI's discounts
#: are not Azure's.
_DEARER = ("priority", "fast")


class Catalogue:
    """The entries of genai-prices with our overlay. A look-up keeps nothing; the price book does."""

    def __init__(self, source: Sequence[types.Provider] = providers) -> None:
        self.version = f"genai-prices/{version('genai-prices')}"
        self._providers = {provider.id: provider for provider in source}
        self._known = {names.fold(provider.id): provider.id for provider in source}
        fees = {provider.id: max(compiling.search_fees(provider), default=0) for provider in source}
        dearest = max(fees.values(), default=0)
        self._search_fees = {provider: fee or dearest for provider, fee in fees.items()}

    def find(self, provider: str, model: str, tier: str) -> Tariff | None:
        """The tariff of a model in a tier (a key of `compiling.CONTEXTS`); None if the table does not know it."""
        for owner, name in names.candidates(provider, model, self._known):
            for spelling in names.spellings(name):
                if tariff := self._resold(owner, spelling, tier):
                    return tariff
        return None

    def _resold(self, owner: str, name: str, tier: str) -> Tariff | None:
        """The tariff of a name with its provider, or with those whose models the provider resells at their price."""
        if tariff := self._own(owner, name, tier):
            return tariff
        lenders = self._providers[owner].fallback_model_providers or ()
        passed = tier if tier in _DEARER else ""
        return next((tariff for lender in lenders if (tariff := self._own(lender, name, passed))), None)

    def _own(self, provider: str, name: str, tier: str) -> Tariff | None:
        """The tariff of a name in the provider's own table."""
        entry = next((model for model in self._providers[provider].models if _means(model, name)), None)
        fix = overlay.fix_for(provider, name, tier) or (overlay.fix_for(provider, entry.id, tier) if entry else None)
        fee, mark = self._search_fees[provider], f"{self.version}+{overlay.AS_OF}" if fix else self.version
        if entry:
            return compiling.tariff(entry, tier, fix, fee, mark)
        return compiling.made_up(fix, fee, mark) if fix else None


def _means(model: types.ModelInfo, name: str) -> bool:
    """Whether a name is this entry's: its patterns take it, and one of its spellings has the same stem."""
    if name == model.id.lower():
        return True
    if not model.is_match(name):
        return False
    stem = names.stem(name)
    if stem in (names.stem(model.id), *overlay.CONFIRMED.get(model.id, ())):
        return True
    return any(_vouches(clause, name, stem) for clause in _clauses(model.match))


def _vouches(clause: types.MatchLogic, name: str, stem: str) -> bool:
    """Whether a clause spells the name out: an anchored expression, or a text with the same stem."""
    match clause:
        case types.ClauseRegex(regex=regex):
            return regex.startswith("^") and regex.endswith("$") and clause.is_match(name)
        case (
            types.ClauseEquals(equals=text)
            | types.ClauseStartsWith(starts_with=text)
            | types.ClauseEndsWith(ends_with=text)
            | types.ClauseContains(contains=text)
        ):
            return names.stem(text) == stem
    return False


def _clauses(match: types.MatchLogic) -> Iterator[types.MatchLogic]:
    """The clauses of a match that are not made of others."""
    if isinstance(match, types.ClauseOr):
        for clause in match.or_:
            yield from _clauses(clause)
    elif isinstance(match, types.ClauseAnd):
        for clause in match.and_:
            yield from _clauses(clause)
    else:
        yield match
