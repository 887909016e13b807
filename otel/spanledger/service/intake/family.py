"""Which spans enclose which, told after they have ended and in any order: children before their parents, as they come.

It is the lineage of a process, put together from outside, so that the same rules say which span repeats a call that is
counted elsewhere. It forgets the oldest spans; what was counted before that is looked up in the ledger.
"""

from __future__ import annotations

from spanledger.lineage import Booked, Facts, Lineage, Node
from spanledger.scope import EMPTY

#: Spans and counted calls that are remembered: the batches of some minutes.
SPANS, CALLS = 100_000, 50_000
#: Spans one inside the other. What is deeper is taken for the beginning of another tree.
DEEPEST = 500


class Kin(Node):
    """A span: besides, how many generations below it are known."""

    __slots__ = ("height",)

    def __init__(self) -> None:
        super().__init__(None, None, EMPTY)
        self.height = 0


class Family(Lineage):
    """Spans by their ids, of all traces."""

    def __init__(self) -> None:
        super().__init__(SPANS, CALLS)

    def told(self, span_id: int, parent_id: int | None) -> Node:
        """A span was told of. What settled below it before counts for those above it from now on."""
        node = self._kin(span_id)
        if node.parent is None and parent_id is not None and self._adopted(node, self._kin(parent_id)):
            _add(node, node.cost, node.input, node.output)
            if node.facts is not None:
                self.settle(node, node.facts)
        return node

    def count(self, node: Node, facts: Facts, key: str | int, booked: Booked) -> None:
        """The span counts; a second time it does not."""
        if node.facts is None:
            node.facts = facts
            self.settle(node, facts)
            self.recent.add(key, booked)

    def _kin(self, span_id: int) -> Kin:
        node = self._nodes.get(span_id)
        if not isinstance(node, Kin):
            node = self._nodes[span_id] = Kin()
            if len(self._nodes) > self._limit:
                self._nodes.pop(next(iter(self._nodes)))
        return node

    @staticmethod
    def _adopted(node: Kin, parent: Kin) -> bool:
        """Make one span the parent of another, unless they went in a circle or too deep."""
        above: Node | None = parent
        generations = 0
        while above is not None and above is not node:
            above, generations = above.parent, generations + 1
        if above is node or generations + node.height > DEEPEST:
            return False
        node.parent = parent
        height = node.height + 1
        up: Node | None = parent
        while isinstance(up, Kin) and up.height < height:
            up.height, height, up = height, height + 1, up.parent
        return True


def _add(node: Node, cost: int, tokens_in: int, tokens_out: int) -> None:
    above = node.parent
    while above is not None:
        above.cost += cost
        above.input += tokens_in
        above.output += tokens_out
        above = above.parent
