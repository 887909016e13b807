"""What stands in Redis: exact numbers, a journal, an audit, and keys that one node of a cluster has all of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redis.crc import key_slot
from tests.support.clock import Clock
from tests.support.redis_server import HOST, RedisServer
from tests.support.waiting import until

from spanledger.budget.redis import RedisStore
from spanledger.budget.redis.script import keys, script
from spanledger.budget.search import Search
from spanledger.budget.store import Claim, Counter, Figures, Gap, Settled, StoreError

RUN = Counter("run", "r1", "r1")
CLAIMS = [Claim(RUN, 7, 1000)]
NUMBERS = st.integers(-(2**63), 2**63)


@pytest.fixture
def url(redis_url: Callable[[], str]) -> str:
    return redis_url()


@pytest.fixture
def store(url: str) -> Iterator[RedisStore]:
    made = RedisStore(url)
    yield made
    made.close()


def test_whole_numbers_are_exact_where_those_of_lua_are_not(redis_server: RedisServer) -> None:
    integers, _, _ = script().source.partition(b"local STATE")
    code = integers + (
        b"local a, b = int(ARGV[1]), int(ARGV[2])\n"
        b"return { text(plus(a, b)), text(minus(a, b)), less(a, b) and 1 or 0, text(minus(ZERO, a)) }"
    )
    with redis_server.by_hand() as client:
        run = client.register_script(code)

        @settings(max_examples=300)
        @given(NUMBERS | st.integers(-3, 3), NUMBERS | st.integers(-3, 3))
        def exact(a: int, b: int) -> None:
            expected = [str(a + b).encode(), str(a - b).encode(), int(a < b), str(-a).encode()]
            assert run(args=[str(a), str(b)]) == expected

        exact()


def test_an_amount_that_leaves_64_bits_is_refused_and_changes_nothing(store: RedisStore) -> None:
    with pytest.raises(StoreError, match="more than 64 bits hold"):
        store.reserve("a", [Claim(RUN, 2**63, None)], 60)
    with pytest.raises(StoreError, match="more than 64 bits hold"):
        store.settle("a", CLAIMS, [2**63])
    assert store.figures() == {}


def test_a_name_that_is_no_text_is_refused_as_a_failure_of_the_store(store: RedisStore) -> None:
    with pytest.raises(StoreError, match="a name is no text"):
        store.reserve("a", [Claim(Counter("run", "\ud800", "r1"), 1, 10)], 60)


def test_what_somebody_changed_behind_its_back_is_a_gap(store: RedisStore, url: str, redis_server: RedisServer) -> None:
    store.settle("a", CLAIMS, [3])
    store.reserve("b", CLAIMS, 60)
    counters = f"{{{url.rpartition('=')[2]}}}:counters"
    with redis_server.by_hand() as client:
        line = client.hget(counters, RUN.key)
        assert isinstance(line, bytes)
        client.hset(counters, RUN.key, line.decode().replace("3 7", "2 0", 1))
        assert set(store.gaps()) == {Gap(RUN, "committed", 2, 3), Gap(RUN, "held", 0, 7)}
        client.delete(counters)
    assert set(store.gaps()) == {Gap(RUN, "committed", 0, 3), Gap(RUN, "held", 0, 7)}


def test_an_attempt_that_claims_nothing_is_a_hold_of_nothing(store: RedisStore) -> None:
    assert store.reserve("a", [], 60) is None
    assert [hold.counters for hold in store.holds()] == [()]
    assert store.settle("a", [], []) == Settled()


def test_more_holds_expire_than_a_script_ends_at_once(url: str, clock: Clock) -> None:
    store = RedisStore(url, clock=clock)
    for number in range(1001):
        store.reserve(f"h{number}", [Claim(Counter("run", f"r{number % 600}", "r"), 1)], 10)
    clock.now += 10
    assert store.expire() == 1001
    assert sum(figures.committed for figures in store.figures().values()) == 1001
    assert list(store.gaps()) == []


@pytest.mark.parametrize("prefix", ["spanledger", "team a", "{tag}x", "käse"])
def test_all_keys_of_a_deployment_are_in_one_slot(prefix: str) -> None:
    assert len({key_slot(key.encode()) for key in keys(prefix)}) == 1
    assert len(set(keys(prefix))) == 9


def test_no_other_key_is_written(store: RedisStore, url: str, redis_server: RedisServer) -> None:
    prefix = url.rpartition("=")[2]
    store.reserve("a", [Claim(RUN, 7, 1, sticky=True)], 60)
    store.reserve("b", CLAIMS, 60)
    store.reserve("c", CLAIMS, 0)
    store.expire()
    store.settle("b", CLAIMS, [1])
    store.adjust(RUN, 1, reason="", who="")
    with redis_server.by_hand() as client:
        assert {key.decode() for key in client.scan_iter(f"*{prefix}*")} <= set(keys(prefix))


def test_two_deployments_in_one_redis_do_not_see_each_other(store: RedisStore, redis_url: Callable[[], str]) -> None:
    store.settle("a", CLAIMS, [3])
    assert RedisStore(redis_url()).figures() == {}


def test_the_node_of_a_cluster_that_has_the_keys_is_found(tmp_path: Path) -> None:
    nodes = [RedisServer(tmp_path / name, "--cluster-enabled", "yes") for name in ("one", "two")]
    try:
        for node in nodes:
            node.start()
        _make_cluster(*nodes)
        stores = [RedisStore(node.url) for node in nodes]
        assert stores[0].reserve("a", CLAIMS, 60) is None
        assert stores[1].settle("a", CLAIMS, [3]) == Settled()
        assert [one.figure(RUN) for one in stores] == [Figures(committed=3)] * 2
    finally:
        for node in nodes:
            node.stop()


def _make_cluster(one: RedisServer, other: RedisServer) -> None:
    with one.by_hand() as first, other.by_hand() as second:
        first.execute_command("CLUSTER ADDSLOTSRANGE 0 8000")
        second.execute_command("CLUSTER ADDSLOTSRANGE 8001 16383")
        first.execute_command(f"CLUSTER MEET {HOST} {other.port}")
        nodes = (first, second)
        found = until(lambda: all(node.execute_command("CLUSTER INFO")["cluster_state"] == "ok" for node in nodes))
        assert found, "the nodes did not find each other"


def test_of_more_counters_and_changes_than_are_looked_at_at_once_none_is_overlooked(store: RedisStore) -> None:
    users = [Counter("user", f"u{number:04}", "total") for number in range(2500)]
    store.refuse(dict.fromkeys(users, 1))
    found = store.search(Search("user", "USD", ("total",), 10, 2, Counter.prefix("user", "u2400")))
    assert sorted(found) == users[2401:2403]
    store.raise_limit(users[0], 5, reason="once", who="ann")
    for number in range(1100):
        store.raise_limit(users[1], number, reason="often", who="ann")
    assert [place for place, _ in store.history([Counter.prefix("user")], None, 2000)] == [*range(1100, -1, -1)]
    assert [(place, entry.reason) for place, entry in store.history([Counter.prefix("user", "u0000")], None, 9)] == [
        (0, "once")
    ]
