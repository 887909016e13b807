"""Three nodes that lease from one centre, kill -9, sleepers and a centre whose clock runs ahead, in any order.

What the provider billed, and may still bill for what is under way, never passes the limit; the books never say less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count
from pathlib import Path

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from tests.support.clock import Clock

from spanledger.budget.lease import LeasedStore, Terms
from spanledger.budget.store import Claim, Counter, Lender

#: Small, so that a wrong policy hits them.
BUDGETS = {Counter("run", "r1", "r1"): 30, Counter("global", "", "total"): 40}
TERMS = Terms(ttl=10.0, every=None, warm=0, first=2, least=1, share=2, idle=1)
NODES = st.integers(0, 2)
TTL = 25.0

Centre = Callable[[Callable[[], float]], Lender]


@dataclass
class Sent:
    """A request that left: who sent it, what it may cost at most, and what the provider billed at once."""

    node: int
    claims: list[Claim]
    bill: int
    known: bool = False


class LeaseMachine(RuleBasedStateMachine):
    """Follows the bill."""

    centre: Centre
    folders: Iterator[Path]

    def __init__(self) -> None:
        super().__init__()
        self.folder = next(self.folders)
        self.ahead = 0.0
        self.clock = Clock()
        self.store = type(self).centre(lambda: self.clock.now + self.ahead)
        self.nodes = [self.born() for _ in range(3)]
        self.sent: dict[str, Sent] = {}
        self.number = 0

    def born(self) -> LeasedStore:
        return LeasedStore(self.store, self.folder, TERMS, self.clock)

    @rule(node=NODES, amount=st.integers(1, 4), data=st.data())
    def call(self, node: int, amount: int, data: st.DataObject) -> None:
        """What is admitted is sent, and billed whatever becomes of the node."""
        counters = data.draw(st.sampled_from([list(BUDGETS), list(BUDGETS)[1:]]))
        claims = [Claim(counter, amount, BUDGETS[counter]) for counter in counters]
        self.number += 1
        if self.nodes[node].reserve(f"h{self.number}", claims, TTL) is None:
            self.sent[f"h{self.number}"] = Sent(node, claims, data.draw(st.integers(0, amount)))

    @precondition(lambda self: any(not sent.known for sent in self.sent.values()))
    @rule(data=st.data())
    def end(self, data: st.DataObject) -> None:
        """However late."""
        hold = data.draw(st.sampled_from([hold for hold, sent in self.sent.items() if not sent.known]))
        sent = self.sent[hold]
        self.nodes[sent.node].settle(hold, sent.claims, [sent.bill] * len(sent.claims))
        sent.known = True

    @rule(node=NODES)
    def beat(self, node: int) -> None:
        self.nodes[node]._keeper.flush("needed")

    @rule(node=NODES)
    def look(self, node: int) -> None:
        """Reads the logs of the dead, too."""
        self.nodes[node].figures()

    @rule(node=NODES)
    def kill(self, node: int) -> None:
        """The kernel closes its files; what it sent is billed, and nobody will ever settle it."""
        self.nodes[node]._books.log.forget()
        self.nodes[node] = self.born()
        self.sent = {hold: sent for hold, sent in self.sent.items() if sent.node != node or self._lost(sent)}

    def _lost(self, sent: Sent) -> bool:
        sent.known, sent.node = True, -1
        return True

    @rule(node=NODES)
    def leave(self, node: int) -> None:
        """In order."""
        self.nodes[node].close()

    @rule(seconds=st.sampled_from([0.5, 1.0, 6.0, 12.0, 30.0]))
    def pass_time(self, seconds: float) -> None:
        """For everybody: who does nothing meanwhile has slept."""
        self.clock.now += seconds

    @rule(ahead=st.floats(0, 60))
    def jump(self, ahead: float) -> None:
        """The centre's clock."""
        self.ahead = ahead

    @invariant()
    def the_limit_holds_and_the_books_cover_the_bill(self) -> None:
        self.store.expire()
        assert list(self.store.gaps()) == []
        figures = self.store.figures()
        for counter, limit in BUDGETS.items():
            sent = [one for one in self.sent.values() if any(claim.counter == counter for claim in one.claims)]
            worst = sum(one.bill if one.known else one.claims[0].amount for one in sent)
            assert worst <= limit  # I7
            if counter in figures:
                known = figures[counter].committed + figures[counter].held
                assert known <= limit  # I1, I9
                assert sum(one.bill for one in sent) <= known  # I6

    def teardown(self) -> None:
        """Nothing is held for ever; and where nobody died the books are the bill."""
        died = any(one.node == -1 for one in self.sent.values())
        for hold, one in self.sent.items():
            if not one.known:
                self.nodes[one.node].settle(hold, one.claims, [one.bill] * len(one.claims))
        for node in self.nodes:
            node.close()
        self.clock.now += TTL + 60
        for counter, found in self.store.figures().items():
            billed = sum(one.bill for one in self.sent.values() if any(c.counter == counter for c in one.claims))
            assert found.held == 0  # I10
            assert found.committed == billed or died
            assert found.committed >= billed


def lease_machine(centre: Centre, folder: Path) -> type[LeaseMachine]:
    """The state machine of leases from such a centre; logs go below the folder."""
    folders = (folder / str(number) for number in count())
    return type("Leases", (LeaseMachine,), {"centre": staticmethod(centre), "folders": folders})
