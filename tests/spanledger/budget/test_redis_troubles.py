"""What can be wrong with a Redis itself: told in plain words, and over when it is over."""

from __future__ import annotations

import socket
import time

import pytest
from tests.support.clock import Clock
from tests.support.redis_server import HOST, RedisServer
from tests.support.redis_spending import CLAIMS, RUN, Start, refused, spend

from spanledger.budget.redis import RedisStore
from spanledger.budget.store import Figures, Settled, StoreError


def test_nothing_is_reached_before_the_first_use() -> None:
    RedisStore("redis://nobody.invalid:1/0").close()


def test_a_server_that_is_not_there_is_told() -> None:
    with socket.socket() as taken:
        taken.bind((HOST, 0))
        refused(RedisStore(f"redis://{HOST}:{taken.getsockname()[1]}/0"), "it cannot be reached .*refused")


def test_a_host_that_nobody_knows_is_told() -> None:
    refused(RedisStore("redis://nobody.invalid:6379/0"), r"redis://nobody\.invalid:6379/0: it cannot be reached")


def test_a_password_that_is_missing_or_wrong_is_told_and_not_repeated(start: Start) -> None:
    port = start("--requirepass", "right").port
    for user in ("", ":wrong@", "ann:wrong@"):
        with pytest.raises(StoreError) as raised:
            RedisStore(f"redis://{user}{HOST}:{port}/0").figures()
        assert "it wants another user or password; write redis://user:password@host" in str(raised.value)
        assert "wrong@" not in str(raised.value)
    spend(RedisStore(f"redis://:right@{HOST}:{port}/0"), "a", 1)


def test_a_user_without_the_right_to_run_scripts_is_told(start: Start) -> None:
    port = start(*["--user", "ann", "on", ">secret", "~*", "+@all", "-evalsha"]).port
    refused(RedisStore(f"redis://ann:secret@{HOST}:{port}/0"), "this user may not do what the store needs")


def test_a_user_without_the_right_to_see_which_server_it_is_can_use_the_store(start: Start) -> None:
    port = start(*["--user", "ann", "on", ">secret", "~*", "+@all", "-info"]).port
    spend(RedisStore(f"redis://ann:secret@{HOST}:{port}/0"), "a", 1)


def test_a_replica_that_takes_no_changes_is_told_and_used_once_it_is_the_primary(start: Start) -> None:
    one = start("--replicaof", f"{HOST} 1")
    store = RedisStore(one.url)
    refused(store, "it is a replica that takes no changes; name the primary")
    with one.by_hand() as client:
        client.execute_command("REPLICAOF NO ONE")
    spend(store, "a", 1)


def test_a_replica_that_became_the_primary_without_the_last_changes_is_told_of_them(start: Start) -> None:
    one = start()
    store = RedisStore(one.url)
    spend(store, "a", 3)
    with one.by_hand() as client:
        client.save()
    replica = RedisServer(one.folder)
    replica.start()
    spend(store, "b", 40)
    one.stop()
    store._session._server.address = store._session._server.address.at(HOST, replica.port)
    assert store.figure(RUN) == Figures(committed=43)
    assert [entry.action for entry in store.audit()] == ["repair"]
    replica.stop()


def test_full_memory_refuses_new_calls_and_lets_those_under_way_settle(start: Start) -> None:
    one = start()
    store = RedisStore(one.url)
    store.reserve("under way", CLAIMS, 60)
    with one.by_hand() as client:
        client.config_set("maxmemory", 1)
        with pytest.raises(StoreError, match="its memory is full; give it more, with maxmemory-policy noeviction"):
            store.reserve("b", CLAIMS, 60)
        assert store.settle("under way", CLAIMS, [3]) == Settled()
        assert list(store.gaps()) == []
        client.config_set("maxmemory", 0)
    spend(store, "c", 1)
    assert store.figure(RUN) == Figures(committed=4)


def test_a_server_that_may_drop_what_was_spent_is_warned_of_once(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    store = RedisStore(start("--maxmemory-policy", "allkeys-lru").url)
    spend(store, "a", 1)
    store.close()
    spend(store, "b", 1)
    [record] = caplog.records
    assert "with maxmemory-policy allkeys-lru Redis may drop what was spent; set noeviction" in record.getMessage()


def test_a_server_that_cannot_save_takes_no_changes_and_says_so(start: Start) -> None:
    one = start("--save", "3600 1")
    spend(RedisStore(one.url), "a", 1)
    with one.by_hand() as client:
        client.config_set("rdbcompression", "no")
        (one.folder / "dump.rdb").mkdir()
        client.bgsave()
        while client.info("persistence")["rdb_bgsave_in_progress"]:
            time.sleep(0.01)
    refused_with = "it cannot save its data and therefore takes no changes"
    with pytest.raises(StoreError, match=refused_with):
        RedisStore(one.url).reserve("b", CLAIMS, 60)


def test_keys_that_belong_to_something_else_are_left_alone(start: Start) -> None:
    one = start()
    with one.by_hand() as client:
        client.set("{spanledger}:state", "mine")
        refused(RedisStore(one.url), "its keys belong to something else; name another prefix")
        assert client.get("{spanledger}:state") == b"mine"
    spend(RedisStore(f"{one.url}?prefix=other"), "a", 1)


def test_the_format_of_another_version_is_left_alone(start: Start) -> None:
    one = start()
    spend(RedisStore(one.url), "a", 1)
    with one.by_hand() as client:
        client.hset("{spanledger}:state", "version", "99")
    refused(RedisStore(one.url), r"has the format 99 of another spanledger; use that version, or another \?prefix=")


def test_the_clock_is_the_servers(start: Start) -> None:
    store = RedisStore(start().url)
    assert abs(store.now() - time.time()) < 1
    store.figures()
    assert abs(store.now() - time.time()) < 1
    ahead = RedisStore(start().url, clock=Clock(5e9))
    assert ahead.now() == 5e9
