"""Whatever happens in whatever order: every store does what the model does, and the invariants hold after each step."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import Phase, settings
from hypothesis.stateful import run_state_machine_as_test
from tests.support.budget_machine import Factory, machine

from spanledger.budget.memory import MemoryStore
from spanledger.budget.rows import Rows
from spanledger.budget.store import Claim, Denied

SHORTEN = (Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink)
SEARCH = settings(max_examples=60, stateful_step_count=40, phases=SHORTEN)
#: To find that something is wrong is enough; why need not be made short. The search is the same every time.
FIND = settings(SEARCH, max_examples=400, phases=[Phase.generate], database=None, derandomize=True)


def test_every_store_does_what_the_model_does_and_keeps_the_invariants(factory: Factory) -> None:
    run_state_machine_as_test(machine(factory), settings=SEARCH)


class ReleasedAtExpiry(Rows):
    """The policy of payments: what is not captured in time is given back."""

    def expire(self, now: float) -> int:
        ended = [hold for hold, held in self.open.items() if held.expires <= now]
        for hold in ended:
            self.end(hold, [0] * len(self.open[hold].amounts), now)
        return len(ended)


class Releasing(MemoryStore):
    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)  # type: ignore[arg-type]
        self._books = ReleasedAtExpiry()


class CheckThenAct(MemoryStore):
    """Looks at what was spent, and holds nothing while the call is under way."""

    def reserve(self, hold: str, claims: Sequence[Claim], ttl: float) -> Denied | None:
        if denied := super().reserve(hold, claims, ttl):
            return denied
        super().release(hold)
        return None


class OneByOne(MemoryStore):
    """Holds what fits, counter by counter, and does not give it back where the next one refuses."""

    def reserve(self, hold: str, claims: Sequence[Claim], ttl: float) -> Denied | None:
        for place, claim in enumerate(claims):
            if denied := super().reserve(f"{hold}.{place}", [claim], ttl):
                return denied
        return None


class Twice(MemoryStore):
    """Charges every settlement."""

    def settle(self, hold: str, claims: Sequence[Claim], actual: Sequence[int]) -> object:  # type: ignore[override]
        self._books.over.discard(hold)
        return super().settle(hold, claims, actual)


@pytest.mark.parametrize("compare", [True, False], ids=["beside the model", "by the invariants alone"])
@pytest.mark.parametrize("wrong", [Releasing, CheckThenAct, OneByOne, Twice])
def test_a_wrong_policy_is_caught_by_the_same_machine(wrong: type[MemoryStore], compare: bool) -> None:
    made = machine(lambda clock: wrong(clock=clock), compare=compare)
    with pytest.raises(AssertionError):
        run_state_machine_as_test(made, settings=FIND)
