"""What a store in front of another one passes on as it is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence

from spanledger.budget.notes import Notes
from spanledger.budget.search import Search
from spanledger.budget.store import Counter, Entry, Figures, Gap, Hold, Lender


class Passing(ABC):
    """Listings and changes by hand are the centre's business; before any of them it is brought up to date."""

    def __init__(self, centre: Lender) -> None:
        self.centre = centre

    @abstractmethod
    def up_to_date(self) -> None:
        """Tell the centre everything that it does not know yet. Raises StoreError."""

    @property
    def shared(self) -> bool:
        """As the centre is."""
        return self.centre.shared

    @property
    def notes(self) -> Notes:
        """The centre's."""
        return self.centre.notes

    def now(self) -> float:
        """The centre's clock."""
        return self.centre.now()

    def figures(self) -> dict[Counter, Figures]:
        """Every counter."""
        self.up_to_date()
        return self.centre.figures()

    def search(self, search: Search) -> dict[Counter, Figures]:
        """The counters of some scope values of a budget."""
        self.up_to_date()
        return self.centre.search(search)

    def holds(self) -> Iterable[Hold]:
        """The open and the expired holds, leases among them."""
        self.up_to_date()
        return self.centre.holds()

    def raise_limit(self, counter: Counter, limit: int, *, reason: str, who: str) -> None:
        """Let another limit win, and end a halt."""
        self.up_to_date()
        self.centre.raise_limit(counter, limit, reason=reason, who=who)

    def reset(self, counter: Counter, *, reason: str, who: str) -> None:
        """Let the configured limit hold again, and end a halt."""
        self.up_to_date()
        self.centre.reset(counter, reason=reason, who=who)

    def adjust(self, counter: Counter, delta: int, *, reason: str, who: str) -> None:
        """Correct what was spent."""
        self.up_to_date()
        self.centre.adjust(counter, delta, reason=reason, who=who)

    def audit(self) -> Iterable[Entry]:
        """Every change by hand, and every halt."""
        return self.centre.audit()

    def history(self, of: Sequence[str], before: int | None, number: int) -> list[tuple[int, Entry]]:
        """The last of these changes before a place."""
        return self.centre.history(of, before, number)

    def gaps(self) -> Iterable[Gap]:
        """Where counters and holds disagree."""
        self.up_to_date()
        return self.centre.gaps()
