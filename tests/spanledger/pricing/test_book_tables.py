"""The price book and its tables: what is asked of them, when, and what is kept of their answers."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
from tests.support.prices import CALL, Fixed, book_of, nano

from spanledger.errors import Contained
from spanledger.pricing import PriceBook
from spanledger.pricing.book import KEPT, Table
from spanledger.pricing.tariff import Tariff
from spanledger.usage import Usage


def test_the_first_table_that_knows_a_model_decides() -> None:
    book = book_of(Fixed("a", 1_000), Fixed("b", 2_000), Fixed("a", 3_000))
    assert [nano(book, Usage(input=1), "p", model) for model in ("a", "b", "c")] == [1, 2, None]


def test_a_model_is_looked_up_once_whether_it_is_known_or_not() -> None:
    table = Fixed()
    book = book_of(table)
    for _ in range(3):
        assert nano(book, CALL, "p", "known") is not None
        assert nano(book, CALL, "p", "unknown") is None
    assert table.asked == [("p", "known", ""), ("p", "unknown", "")]


def test_tiers_without_prices_of_their_own_are_looked_up_as_one() -> None:
    table = Fixed()
    book = book_of(table)
    for tier in (None, "", "default", "auto", "standard", "on_demand", "no such tier"):
        nano(book, CALL, "p", "known", tier)
    assert table.asked == [("p", "known", "")]


def test_tables_are_loaded_at_the_first_look_up_and_once_for_all_threads() -> None:
    loads = 0
    ready = threading.Barrier(8)

    def load() -> Sequence[Table]:
        nonlocal loads
        loads += 1
        return (Fixed(),)

    book = PriceBook(load)
    assert book.price(replace(CALL, reported_nano_usd=1), provider="p", model="known") is not None
    assert loads == 0

    def ask(_: int) -> int | None:
        ready.wait()
        return nano(book, Usage(input=1), "p", "known")

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(ask, range(8))) == {1_000}
    assert loads == 1


def test_no_more_names_are_kept_than_the_limit_however_many_users_make_up() -> None:
    class Everything(Fixed):
        def find(self, provider: str, model: str, tier: str) -> Tariff | None:
            return self.tariff if model.startswith("known") else None

    book = book_of(Everything())
    for number in range(2 * KEPT + 1):
        nano(book, CALL, "p", f"known-{number}")
        nano(book, CALL, "p", f"unknown-{number}")
        assert len(book._known) <= KEPT
        assert len(book._unknown) <= KEPT


def test_a_name_that_is_too_long_is_neither_asked_for_nor_kept() -> None:
    table = Fixed()
    book = book_of(table)
    assert nano(book, CALL, "p", "x" * 257) is None
    assert nano(book, CALL, "p" * 257, "known") is None
    assert table.asked == []


def test_known_models_stay_known_however_many_unknown_ones_are_asked_for() -> None:
    table = Fixed()
    book = book_of(table)
    nano(book, CALL, "p", "known")
    for number in range(2 * KEPT):
        nano(book, CALL, "p", f"unknown-{number}")
    nano(book, CALL, "p", "known")
    assert table.asked.count(("p", "known", "")) == 1


@pytest.mark.usefixtures("failures")
def test_a_table_that_fails_makes_a_call_unpriced_and_is_asked_again_later() -> None:
    class Failing(Fixed):
        def find(self, provider: str, model: str, tier: str) -> Tariff | None:
            super().find(provider, model, tier)
            raise OSError("gone")

    table = Failing()
    book = book_of(table)
    assert nano(book, CALL, "p", "known") is None
    assert nano(book, CALL, "p", "known") is None
    assert len(table.asked) == 2
    assert Contained.counts == {("pricing", "OSError"): 2}


def test_a_model_that_stands_in_prices_what_nobody_knows_and_says_so() -> None:
    table = Fixed(price=3_000)
    book = PriceBook(lambda: (table,), price_as="known")
    price = book.price(Usage(input=1), provider="p", model="unknown")
    assert price is not None
    assert (price.nano_usd, price.version) == (3, "fixed/1+price_as:known")
    assert book.rates("p", "unknown") == book.rates("p", "known")


def test_a_model_that_stands_in_and_is_unknown_itself_prices_nothing() -> None:
    book = PriceBook(lambda: (Fixed(),), price_as="unknown-too")
    assert nano(book, CALL, "p", "unknown") is None


def test_a_model_that_stands_in_is_found_at_its_maker_whoever_is_called(book: PriceBook) -> None:
    for stands_in in ("gpt-4o-mini", "openai/gpt-4o-mini"):
        stood_in = PriceBook(price_as=stands_in)
        assert nano(stood_in, CALL, "ollama", "house-model") == nano(book, CALL, "openai", "gpt-4o-mini")


def test_a_broken_book_prices_only_what_the_provider_reports() -> None:
    book = PriceBook(lambda: (Fixed(),), broken="the file is wrong")
    assert nano(book, CALL, "p", "known") is None
    assert book.rates("p", "known") is None
    assert nano(book, replace(CALL, reported_nano_usd=7), "p", "known") == 7
    assert book.version == "unusable"
