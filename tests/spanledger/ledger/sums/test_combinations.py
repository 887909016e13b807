"""Ids of combinations: what one value adds to them says nothing of another combination."""

from __future__ import annotations

from itertools import product

from spanledger.ledger.schema import DIMENSIONS
from spanledger.ledger.sums.combinations import finest, ids


def values(**said: str) -> tuple[str, ...]:
    return tuple(said.get(name, "") for name in DIMENSIONS)


def test_an_id_is_not_put_together_from_those_of_single_values() -> None:
    told = {(tenant, stage): finest(values(tenant=tenant, stage=stage)) for tenant, stage in product("ab", "xy")}
    assert told["a", "x"] ^ told["a", "y"] != told["b", "x"] ^ told["b", "y"]


def test_no_text_is_taken_for_several() -> None:
    apart = [values(stage="x', 'y"), values(stage="x", provider="y"), values(stage="x\x1f", provider="y"), values()]
    assert len({finest(one) for one in apart}) == len(apart)


def test_a_combination_has_another_id_in_each_cut() -> None:
    own = ids(values())
    assert len(set(own)) == len(own)
    assert own[-1] == finest(values())
