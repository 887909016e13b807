"""What a process that leases promises beyond what every store does."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.budget_machine import Clock

from spanledger.budget.lease import LeasedStore, Terms
from spanledger.budget.sqlite import SqliteStore, database
from spanledger.budget.store import Claim, Counter, Denied, Figures, Settled, StoreError

RUN = Counter("run", "r1", "r1")
DAY = Counter("tenant/day", "acme", "2026-11-21")
TERMS = Terms(every=None, warm=0)


def claim(amount: int = 10, limit: int | None = 10_000, counter: Counter = RUN) -> Claim:
    return Claim(counter, amount, limit)


class Host:
    """One host: a file, and the processes that lease from it."""

    def __init__(self, folder: Path, clock: Clock) -> None:
        self.path, self.folder, self.clock = folder / "budgets.sqlite", folder / "leases", clock
        self.centre = SqliteStore(self.path, clock=clock)
        self.born: list[LeasedStore] = []

    def process(self, terms: Terms = TERMS) -> LeasedStore:
        self.born.append(LeasedStore(SqliteStore(self.path, clock=self.clock), self.folder, terms, self.clock))
        return self.born[-1]

    def kill(self, store: LeasedStore) -> None:
        """As the kernel does it: files are closed, and with them locks end."""
        store._books.log.forget()
        store.centre.close()
        self.born.remove(store)

    def logs(self) -> list[Path]:
        return list(self.folder.glob("*"))


@pytest.fixture
def host(tmp_path: Path, clock: Clock) -> Iterator[Host]:
    made = Host(tmp_path, clock)
    yield made
    for store in made.born:
        store.close()
    made.centre.close()


def spend(store: LeasedStore, hold: str, used: int, claims: Sequence[Claim] = (claim(),)) -> Settled:
    assert store.reserve(hold, claims, 60) is None
    return store.settle(hold, claims, [used] * len(claims))


def beat(store: LeasedStore) -> None:
    store._keeper.flush("needed")


def is_leased(store: LeasedStore, hold: str) -> bool:
    return hold in store._books.open


def test_what_is_leased_shows_as_held_and_what_was_spent_of_it_after_a_beat(host: Host) -> None:
    store = host.process()
    spend(store, "a", 4)
    assert host.centre.figure(RUN) == Figures(held=160)
    assert store.figure(RUN) == Figures(committed=4, held=156)
    beat(store)
    assert host.centre.figure(RUN) == Figures(committed=4, held=156)
    store.close()
    assert host.centre.figure(RUN) == Figures(committed=4)
    assert host.logs() == []


def test_a_beat_comes_by_itself(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    store = host.process(replace(TERMS, every=0.01))
    booked = threading.Event()
    convert = store.centre.convert

    def told(*arguments: object) -> Settled:
        settled = convert(*arguments)  # type: ignore[arg-type]
        booked.set()
        return settled

    monkeypatch.setattr(store.centre, "convert", told)
    spend(store, "a", 4)
    assert booked.wait(10)
    assert host.centre.figure(RUN).committed == 4


def test_a_small_budget_is_not_leased(host: Host) -> None:
    store = host.process()
    small = claim(10, limit=319)
    store.reserve("a", [small], 60)
    assert not is_leased(store, "a")
    assert host.centre.figure(RUN) == Figures(held=10)


def test_a_counter_is_leased_once_it_is_used_often(host: Host) -> None:
    store = host.process(Terms(every=None))
    for hold in ("a", "b", "c"):
        store.reserve(hold, [claim()], 60)
    assert [is_leased(store, hold) for hold in ("a", "b", "c")] == [False, False, True]


def test_a_call_that_one_counter_cannot_serve_leases_of_none(host: Host) -> None:
    store = host.process()
    store.reserve("a", [claim(), claim(10, 100, DAY)], 60)
    assert host.centre.figures() == {RUN: Figures(held=10), DAY: Figures(held=10)}


def test_rolling_windows_are_the_centres_business(host: Host) -> None:
    store = host.process()
    store.reserve("a", [replace(claim(), also=(DAY,))], 60)
    assert not is_leased(store, "a")


def test_no_lease_is_more_than_its_part_of_what_is_left(host: Host) -> None:
    first, second = host.process(), host.process()
    spend(first, "a", 0, [claim(10, 640)])
    spend(second, "b", 0, [claim(10, 640)])
    assert host.centre.figure(RUN).held == 640 // 8 + (640 - 80) // 8


def test_a_lease_that_runs_dry_grows_four_times_as_large(host: Host) -> None:
    store = host.process()
    most = []
    for number in range(60):
        spend(store, f"h{number}", 10, [claim(10, 10**9)])
        most.append(store._books.leases[RUN].free)
    assert max(most) == 630
    assert host.centre.figure(RUN) == Figures(committed=160, held=640)


def test_a_lease_nobody_uses_is_given_back(host: Host) -> None:
    store = host.process()
    spend(store, "a", 4)
    for _ in range(TERMS.idle + 2):
        beat(store)
    assert host.centre.figure(RUN) == Figures(committed=4)


def test_as_the_budget_runs_out_the_others_get_back_what_a_process_has_free(host: Host) -> None:
    store = host.process()
    spend(store, "a", 0)
    assert host.centre.figure(RUN).held == 160
    host.centre.settle("elsewhere", [claim()], [9_000])
    beat(store)
    assert host.centre.figure(RUN) == Figures(committed=9_000, held=(1_000 - 160 + 160) // 8)
    host.centre.settle("more", [claim()], [900])
    beat(store)
    assert host.centre.figure(RUN) == Figures(committed=9_900)


def test_what_this_process_has_free_stands_in_nobodys_way_here(host: Host) -> None:
    store = host.process()
    spend(store, "a", 0)
    assert store.reserve("large", [claim(9_990)], 60) is None
    assert host.centre.figure(RUN) == Figures(held=9_990)


def test_a_budget_is_used_to_the_last_hold(host: Host) -> None:
    store = host.process()
    admitted = sum(store.reserve(f"h{number}", [claim(10, 1_000)], 60) is None for number in range(150))
    assert admitted == 100
    assert store.figure(RUN) == Figures(held=1_000, refused=50)


def test_more_than_was_held_is_charged_in_full(host: Host) -> None:
    store = host.process()
    spend(store, "a", 500)
    assert store.figures() == {RUN: Figures(committed=500)}


def test_a_hold_whose_time_is_over_is_charged_and_a_late_settlement_replaces_it(host: Host) -> None:
    store = host.process()
    store.reserve("a", [claim()], 30)
    host.clock.now += 31
    beat(store)
    assert store.figure(RUN).committed == 10
    assert store.settle("a", [claim()], [3]) == Settled(late=True)
    assert store.settle("a", [claim()], [5]) == Settled(first=False)
    store.close()
    assert host.centre.figure(RUN) == Figures(committed=3)
    assert list(host.centre.gaps()) == []


def test_an_extension_beyond_the_lease_is_held_beside_it(host: Host) -> None:
    store = host.process()
    store.reserve("a", [claim()], 60)
    assert store.extend("a", [claim(20)], 60) is None
    assert store.extend("a", [claim(500)], 60) is None
    assert is_leased(store, "a")
    assert store.settle("a", [claim()], [400]) == Settled()
    store.close()
    assert host.centre.figure(RUN) == Figures(committed=400)
    assert list(host.centre.gaps()) == []


def test_a_warning_is_given_by_the_settlement_that_makes_it_due(host: Host) -> None:
    store = host.process()
    warned = [replace(claim(), warns=(5, 8))]
    assert spend(store, "a", 4, warned).crossed == ()
    assert spend(store, "b", 1, warned).crossed == ((RUN, 5),)
    assert spend(store, "c", 2, warned).crossed == ()
    assert spend(store, "d", 2, warned).crossed == ((RUN, 8),)


def test_a_warning_that_processes_make_due_together_is_given_to_one_of_them(host: Host) -> None:
    warned = [replace(claim(), warns=(5,))]
    told: list[object] = []
    both = host.process(), host.process()
    for store in both:
        store.listen(told.append)
        assert spend(store, "a" if store is both[0] else "b", 3, warned).crossed == ()
    for store in both:
        store._keeper._work()
    assert told == [((RUN, 5),)]


def test_refusals_are_repeated_without_the_centre_and_counted_exactly(host: Host) -> None:
    store = host.process()
    spent = [claim(10, 5), claim(10, 5, DAY)]
    assert all(store.reserve(f"h{number}", spent, 60) == Denied(0, "too_large", 5, 0, 0, 10) for number in range(50))
    assert host.centre.figure(RUN).refused == 1
    assert store.figure(RUN).refused == 50
    beat(store)
    assert host.centre.figure(RUN).refused == host.centre.figure(DAY).refused == 50


def test_a_limit_that_is_raised_is_seen_at_once_here_and_soon_elsewhere(host: Host) -> None:
    here, there = host.process(), host.process()
    for store in (here, there):
        assert store.reserve("a", [claim(10, 5)], 60) is not None
    here.raise_limit(RUN, 100, reason="more", who="ann")
    assert here.reserve("b", [claim(10, 5)], 60) is None
    assert there.reserve("c", [claim(10, 5)], 60) is not None
    host.clock.now += 0.25
    assert there.reserve("c", [claim(10, 5)], 60) is None


def test_a_run_is_halted_by_the_centre_and_no_lease_outlives_that(host: Host) -> None:
    store = host.process()
    sticky = replace(claim(), sticky=True)
    spend(store, "a", 0, [sticky])
    host.centre.settle("elsewhere", [claim()], [10_000])
    beat(store)
    denied = store.reserve("b", [sticky], 60)
    assert denied is not None
    assert denied.halted
    assert [entry.action for entry in store.audit()] == ["halt"]
    host.centre.raise_limit(RUN, 50_000, reason="on", who="ann")
    host.clock.now += 0.5
    assert store.reserve("c", [sticky], 60) is None


def test_who_slept_past_the_deadline_spends_nothing_of_the_lease(host: Host) -> None:
    store = host.process()
    spend(store, "a", 4)
    host.clock.now += TERMS.ttl
    assert host.centre.figure(RUN) == Figures(committed=160), "the centre has charged it"
    store.reserve("b", [claim()], 60)
    assert not is_leased(store, "b")
    store.settle("b", [claim()], [1])
    beat(store)
    assert host.centre.figure(RUN).committed == 5, "what it says late replaces the charge"


def test_a_lease_is_renewed_for_as_long_as_a_hold_is_under_way(host: Host) -> None:
    store = host.process()
    store.reserve("a", [claim()], 600)
    for _ in range(60):
        host.clock.now += 5
        beat(store)
    assert store.settle("a", [claim()], [4]) == Settled()
    assert store.figure(RUN).committed == 4


def test_without_the_centre_the_lease_is_spent_and_then_it_is_told(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    store = host.process()
    monkeypatch.setattr(database, "PATIENCE", 0.01)
    spend(store, "a", 10)
    with host.centre._database.writing():
        for number in range(15):
            spend(store, f"h{number}", 10)
        with pytest.raises(StoreError, match="another process keeps it locked"):
            store.reserve("one too many", [claim()], 60)
        with pytest.raises(StoreError):
            beat(store)
    store.close()
    assert host.centre.figure(RUN) == Figures(committed=160)
    assert list(host.centre.gaps()) == []


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


SCRIPT = """
import resource, sys
from pathlib import Path
from spanledger.budget.lease import LeasedStore, Terms
from spanledger.budget.sqlite import SqliteStore
from spanledger.budget.store import *
path, folder = Path(sys.argv[1]), Path(sys.argv[2])
terms = Terms(every=None, warm=0, ttl=float(sys.argv[3]), first=int(sys.argv[4]))
store = LeasedStore(SqliteStore(path), folder, terms)
claims = [Claim(Counter('run', 'r1', 'r1'), 10, 10**9)]
def spend(hold):
    assert store.reserve(hold, claims, 60) is None
    leased = hold in store._books.open
    store.settle(hold, claims, [1])
    return leased
"""


def run(host: Host, code: str, ttl: float = 60, first: int = 16) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT + code, str(host.path), str(host.folder), str(ttl), str(first)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_on_a_full_disk_holds_that_cannot_be_written_down_go_to_the_centre(host: Host) -> None:
    """The log fills the room that a file may take; the database takes less of it."""
    code = (
        "hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))\n"
        "print(next(number for number in range(10_000) if not spend(f'h{number}')))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))\n"
        "print(spend('there is room again'))\n"
        "store.close()\n"
    )
    told, error = run(host, code, first=20_000).communicate(timeout=60)
    number, again = told.split()
    assert int(number) > 1_000
    assert again == "True"
    assert error.count("lease log failed") == 1
    assert "No space left on device" in error
    assert host.centre.figure(RUN) == Figures(committed=int(number) + 2)
    assert list(host.centre.gaps()) == []


def test_a_process_that_was_stopped_past_its_lease_neither_spends_nor_loses_it(tmp_path: Path) -> None:
    host = Host(tmp_path, Clock())
    code = "print(spend('a'), flush=True)\ninput()\nprint(spend('b'), flush=True)\nstore.close()\n"
    process = run(host, code, ttl=0.5)
    assert process.stdout is not None
    assert process.stdout.readline() == "True\n"
    os.kill(process.pid, signal.SIGSTOP)
    threading.Event().wait(0.6)
    centre = SqliteStore(host.path)
    assert centre.figure(RUN) == Figures(committed=160), "charged, as it may have been spent"
    os.kill(process.pid, signal.SIGCONT)
    told, error = process.communicate("go\n", timeout=60)
    assert (told, error) == ("False\n", "")
    assert centre.figure(RUN) == Figures(committed=2)
    centre.close()


def test_changes_by_hand_are_the_centres(host: Host) -> None:
    store = host.process()
    spend(store, "a", 4)
    store.adjust(RUN, -2, reason="refund", who="ann")
    store.reset(RUN, reason="as it was", who="ann")
    assert store.figure(RUN).committed == 2
    assert [entry.amount for entry in store.audit()] == [-2, None]
