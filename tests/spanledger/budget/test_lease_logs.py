"""The logs of leases: what processes that died have spent is booked from them, once, and the rest is given back."""

from __future__ import annotations

import pytest
from tests.support.leasing import DAY, RUN, TERMS, Host, beat, claim, spend

from spanledger.budget.store import Figures, Settled, StoreError


def test_what_a_dead_process_spent_is_booked_and_the_rest_given_back(host: Host) -> None:
    dead = host.process()
    spend(dead, "a", 4, [claim(), claim(counter=DAY)])
    dead.reserve("under way", [claim()], 30)
    host.kill(dead)
    assert host.centre.figure(RUN) == Figures(held=160)
    other = host.process()
    assert other.figures() == {RUN: Figures(committed=4, held=10), DAY: Figures(committed=4)}
    assert host.logs() == []
    host.clock.now += 31
    assert other.figure(RUN) == Figures(committed=14), "it was sent, and perhaps billed"
    assert list(other.gaps()) == []


def test_a_refusal_looks_for_the_dead_first(host: Host) -> None:
    dead, other = host.process(), host.process()
    spend(other, "before", 0)
    spend(dead, "a", 0)
    host.kill(dead)
    host.clock.now += 2
    assert other.reserve("large", [claim(10_000)], 60) is None


def test_the_living_are_left_alone(host: Host) -> None:
    living, other = host.process(), host.process()
    spend(living, "a", 4)
    assert other.figures() == {RUN: Figures(held=160)}
    assert len(host.logs()) == 1


@pytest.mark.parametrize("after", range(4))
def test_whoever_dies_while_reading_a_log_has_done_no_harm(host: Host, after: int) -> None:
    dead = host.process()
    spend(dead, "a", 4, [claim(), claim(counter=DAY)])
    log = host.logs()[0]
    host.kill(dead)
    record = log.read_bytes()
    reader = host.process()
    for _ in range(after):
        reader.figures()
        log.write_bytes(record)  # as if it had died before it could remove the log
    reader.figures()
    assert host.centre.figures() == {RUN: Figures(committed=4), DAY: Figures(committed=4)}
    assert list(host.centre.gaps()) == []


@pytest.mark.parametrize("booked", [True, False], ids=["the centre knows", "the centre does not"])
def test_a_booking_that_was_under_way_is_made_once(host: Host, booked: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    dead = host.process()
    spend(dead, "a", 4)
    convert = dead.centre.convert

    def lost(*arguments: object) -> Settled:
        if booked:
            convert(*arguments)  # type: ignore[arg-type]
        raise StoreError("the answer was lost")

    monkeypatch.setattr(dead.centre, "convert", lost)
    with pytest.raises(StoreError):
        beat(dead)
    spend(dead, "b", 3)
    host.kill(dead)
    assert host.process().figures() == {RUN: Figures(committed=7)}
    assert list(host.centre.gaps()) == []


def test_half_a_record_at_the_end_is_of_a_call_that_never_left(host: Host) -> None:
    dead = host.process()
    spend(dead, "a", 4)
    log = host.logs()[0]
    host.kill(dead)
    log.write_bytes(log.read_bytes() + b"h[9, 17000")
    assert host.process().figures() == {RUN: Figures(committed=4)}


def test_of_a_damaged_log_nothing_goes_back_before_its_leases_expire(
    host: Host, caplog: pytest.LogCaptureFixture, failures: object
) -> None:
    dead = host.process()
    spend(dead, "a", 4)
    log = host.logs()[0]
    host.kill(dead)
    log.write_bytes(log.read_bytes().replace(b"h[", b"h\0"))
    assert host.process().figures() == {RUN: Figures(held=160)}
    assert [log.name in record.getMessage() and "damaged" in record.getMessage() for record in caplog.records] == [True]
    host.clock.now += TERMS.ttl
    assert host.process().figures() == {RUN: Figures(committed=160)}


def test_the_log_stays_small_and_says_the_same(host: Host) -> None:
    store = host.process()
    store.reserve("under way", [claim(10, None)], 600)
    for number in range(3_000):
        spend(store, f"h{number}", 1, [claim(10, None)])
    beat(store)
    log = host.logs()[0]
    assert log.stat().st_size < 1_000
    assert log.stat().st_mode & 0o777 == 0o600
    spend(store, "one more", 1, [claim(10, None)])
    host.kill(store)
    assert host.process().figures() == {RUN: Figures(committed=3_001, held=10)}


def test_where_no_log_can_be_written_nothing_is_leased_and_that_is_told_once(
    host: Host, caplog: pytest.LogCaptureFixture, failures: object
) -> None:
    host.folder.write_text("in the way")
    store = host.process()
    for number in range(5):
        spend(store, f"h{number}", 1)
    assert host.centre.figure(RUN) == Figures(committed=5)
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "spanledger lease log failed and goes on without"
    ]
