"""What stores remember beside their counters: under a key, once, for a time."""

from __future__ import annotations

import threading
from pathlib import Path

from tests.support.clock import Clock

from spanledger.budget.notes import MemoryNotes
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import Store


def test_a_value_is_found_under_its_key_until_it_is_replaced(store: Store) -> None:
    assert store.notes.peek("a") is None
    store.notes.put("a", "one", 60)
    store.notes.put("a", "two", 60)
    assert [store.notes.peek("a"), store.notes.peek("a")] == ["two", "two"]


def test_a_value_is_taken_once(store: Store) -> None:
    store.notes.put("a", "one", 60)
    assert [store.notes.take("a"), store.notes.take("a"), store.notes.peek("a")] == ["one", None, None]


def test_what_is_over_is_gone(store: Store, clock: Clock) -> None:
    store.notes.put("a", "one", 60)
    store.notes.put("b", "two", 60)
    assert store.notes.first(["c"], 60) == {"c"}
    clock.now += 60
    assert (store.notes.peek("a"), store.notes.take("b")) == (None, None)
    assert store.notes.first(["a", "c"], 60) == {"a", "c"}


def test_of_many_keys_each_is_new_once(store: Store) -> None:
    assert store.notes.first(["a", "b"], 60) == {"a", "b"}
    assert store.notes.first(["b", "c", "c"], 60) == {"c"}


def test_of_many_who_take_a_value_one_is_given_it(store: Store) -> None:
    store.notes.put("a", "one", 60)
    given: list[str | None] = []
    takers = [threading.Thread(target=lambda: given.append(store.notes.take("a"))) for _ in range(8)]
    for taker in takers:
        taker.start()
    for taker in takers:
        taker.join()
    assert sorted(given, key=str) == [None] * 7 + ["one"]


def test_a_value_is_taken_without_words_that_an_older_sqlite_does_not_know(tmp_path: Path) -> None:
    store = SqliteStore(tmp_path / "s.sqlite")
    said: list[str] = []
    with store._database.reading() as connection:
        connection.set_trace_callback(said.append)
    store.notes.put("a", "one", 60)
    assert store.notes.take("a") == "one"
    assert said
    assert "RETURNING" not in "".join(said).upper()
    store.close()


def test_two_stores_of_one_file_share_their_notes(tmp_path: Path, clock: Clock) -> None:
    one, other = (SqliteStore(tmp_path / "s.sqlite", clock=clock) for _ in range(2))
    one.notes.put("a", "one", 60)
    assert other.notes.take("a") == "one"
    assert one.notes.peek("a") is None
    one.close()
    other.close()


def test_a_process_keeps_so_many_notes_and_no_more(clock: Clock) -> None:
    notes = MemoryNotes(clock, limit=2)
    for key in ("a", "b", "c"):
        notes.put(key, key, 60)
    assert [notes.peek(key) for key in ("a", "b", "c")] == [None, "b", "c"]
