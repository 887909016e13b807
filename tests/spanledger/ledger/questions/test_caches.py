"""How often caches were asked: the answers are those of a plain loop over all events, closed or not."""

from __future__ import annotations

import random
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from tests.support import ledger_databases
from tests.support.entries import BEGIN, DAYS

from spanledger.ledger import CacheEvent, database
from spanledger.ledger.migrate import migrate
from spanledger.ledger.questions import caches
from spanledger.ledger.questions.filters import Filter, Window
from spanledger.ledger.questions.results import Hits
from spanledger.ledger.sums.closing import close_all
from spanledger.ledger.sums.hits import KNOWN
from spanledger.ledger.writes import write

NANO = 1_000_000_000
SINCE, UNTIL = BEGIN // NANO, BEGIN // NANO + DAYS * 86_400


def _event(dice: random.Random, number: int) -> CacheEvent:
    at = BEGIN + dice.randrange(DAYS * 86_400 * NANO)
    return CacheEvent(
        str(number),
        at,
        dice.choice(("l1", "l2", "it's")),
        dice.random() < 0.4,
        operation=dice.choice(("chat", "embeddings", None)),
        stage=dice.choice(("plan", "write", None)),
        tenant=dice.choice(("acme", "globex", None)),
    )


EVENTS = [_event(random.Random(number), number) for number in range(1200)]


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def ledger(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Connection]:
    """Events told in batches out of order, some of them twice; some minutes were closed before the last ones came."""
    url = f"sqlite://{tmp_path_factory.mktemp('caches')}/calls.sqlite"
    if request.param == "postgresql":
        url = ledger_databases.database(request.getfixturevalue("postgres"))
    engine = database.engine(url)
    migrate(engine)
    write(engine, EVENTS[:500])
    close_all(engine, SINCE + 1.4 * 86_400)
    write(engine, EVENTS[400:900])
    close_all(engine, UNTIL - 8000)
    write(engine, EVENTS[800:])
    with engine.connect().execution_options(reads=True) as connection:
        yield connection


def test_what_events_do_not_say_cannot_be_grouped_by(ledger: Connection) -> None:
    with pytest.raises(ValueError, match="take one of operation, stage, tenant, day"):
        caches.hits_by(ledger, "1; DROP TABLE calls", Window.of(SINCE, UNTIL))


@settings(max_examples=60)
@given(
    since=st.integers(SINCE - 4000, UNTIL + 4000),
    length=st.sampled_from((0, 300, 3600, 40_000, 100_000, DAYS * 86_400)),
    wanted=st.fixed_dictionaries({}, optional={name: st.sampled_from(("chat", "plan", "acme", "")) for name in KNOWN}),
)
def test_caches_are_counted_by_layer(ledger: Connection, since: int, length: int, wanted: dict[str, str]) -> None:
    window = Window.of(since, since + length)
    expected: dict[str, Hits] = {}
    for event in EVENTS:
        inside = window.since * NANO <= event.at < window.until * NANO
        if inside and all((getattr(event, name) or "") == value for name, value in wanted.items()):
            expected[event.layer] = expected.get(event.layer, Hits()) + Hits(event.hit, not event.hit)
    assert caches.hits(ledger, window, Filter(**wanted)) == expected
