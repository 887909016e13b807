"""The table of genai-prices: which entry a name means, compiled when it is asked for.

Only the data of genai-prices is read. Its own calculation in Decimal takes 80 µs a call and keeps every model name it
was ever asked for; its updater, the one part that opens connections, is never started.
"""

from __future__ import annotations

from collections.abc import Mapping

from spanledger.pricing import compiling, names, overlay
from spanledger.pricing.entries import Entry, Match, Shop
from spanledger.pricing.snapshot import Snapshot, release
from spanledger.pricing.tariff import Tariff

#: Tiers that cost more. Only these pass from a lender of models to the provider that resells them: OpenAI's discounts
#: are not Azure's.
_DEARER = ("priority", "fast")


class Catalogue:
    """The entries of a release of genai-prices with our overlay. A look-up keeps nothing; the price book does."""

    def __init__(self, shops: Mapping[str, Shop], search_fees: Mapping[str, int], installed: str) -> None:
        self.version = f"genai-prices/{installed}"
        self.providers = {names.fold(provider): provider for provider in shops}
        self._shops = shops
        dearest = max(search_fees.values(), default=0)
        self._dearest_search = dearest
        self._search_fees = {provider: fee or dearest for provider, fee in search_fees.items()}

    @classmethod
    def installed(cls) -> Catalogue:
        """The release that is installed, from our snapshot if it has that one."""
        snapshot, installed = Snapshot.read(), release()
        return cls(snapshot, snapshot.search_fees, installed) if snapshot.release == installed else cls.imported()

    @classmethod
    def imported(cls) -> Catalogue:
        """The release that is installed, read from genai-prices itself."""
        from spanledger.pricing.reading import shops  # noqa: PLC0415 - 100 ms, and seldom needed

        found = {shop.id: shop for shop in shops()}
        return cls(found, {shop.id: shop.search_fee() for shop in found.values()}, release())

    def find(self, provider: str, model: str, tier: str) -> Tariff | None:
        """The tariff of a model in a tier (one of `book.TIERS` or ""); None if the table does not know it."""
        for owner, name in names.candidates(provider, model, self.providers):
            for spelling in names.spellings(name):
                if tariff := self._resold(owner, spelling, tier):
                    return tariff
        return None

    def fees(self, provider: str, model: str) -> dict[str, int]:
        """What tools cost with a model that states no fees, in pico-USD per use; `provider` by its id here."""
        search = self._search_fees.get(provider, self._dearest_search)
        return {"web_search": search, **overlay.fees(provider, model)}

    def _resold(self, owner: str, name: str, tier: str) -> Tariff | None:
        """The tariff of a name with its provider, or with those whose models the provider resells at their price."""
        if tariff := self._own(owner, name, tier):
            return tariff
        lenders = self._shops[owner].lenders
        passed = tier if tier in _DEARER else ""
        return next((tariff for lender in lenders if (tariff := self._own(lender, name, passed))), None)

    def _own(self, provider: str, name: str, tier: str) -> Tariff | None:
        """The tariff of a name in the provider's own table."""
        entry = next((entry for entry in self._shops[provider].entries if _means(entry, name)), None)
        fix = overlay.fix_for(provider, name, tier) or (overlay.fix_for(provider, entry.id, tier) if entry else None)
        fees = self.fees(provider, name)
        mark = f"{self.version}+{overlay.AS_OF}" if fix else self.version
        if entry:
            found = compiling.tariff(entry, tier, fix, fees, mark)
            least = overlay.LEAST_AUDIO_MS.get(provider)
            return found.charging_at_least(least) if found and least else found
        return compiling.made_up(fix, fees, mark) if fix else None


def _means(entry: Entry, name: str) -> bool:
    """Whether a name is this entry's: its patterns take it, and one of its spellings has the same stem."""
    if name == entry.id.lower():
        return True
    if not entry.match.takes(name):
        return False
    stem = names.stem(name)
    if stem in (names.stem(entry.id), *overlay.CONFIRMED.get(entry.id, ())):
        return True
    return any(_vouches(leaf, name, stem) for leaf in entry.match.leaves())


def _vouches(leaf: Match, name: str, stem: str) -> bool:
    """Whether a pattern spells the name out: an anchored expression, or a text with the same stem."""
    if leaf.how == "regex":
        return leaf.text.startswith("^") and leaf.text.endswith("$") and leaf.takes(name)
    return names.stem(leaf.text) == stem
