"""What apps do with functions that we have wrapped: they copy them, pickle them, turn their holders into dicts."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import sys
from collections.abc import Callable, Iterator
from types import ModuleType, SimpleNamespace
from typing import Any, cast

import pytest

from spanledger_instrumentation.adapter import Adapter


class Searcher:
    """What an app has: an object of a class of a library."""

    def __init__(self, found: str) -> None:
        self.found = found

    def search(self, prefix: str = "") -> str:
        return prefix + self.found


def plain() -> str:
    return "plain"


@dataclasses.dataclass
class Holder:
    work: Callable[..., str]


class _Asking(Adapter):
    library = "tests"

    def install(self) -> None:
        for path in ("Searcher.search", "plain"):
            self.wrap(__name__, path, self._answer)

    @staticmethod
    def _answer(wrapped: Callable[..., str], _instance: object, args: Any, kwargs: Any) -> str:
        return f"wrapped {wrapped(*args, **kwargs)}"


@pytest.fixture(autouse=True)
def _wrapped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    module = ModuleType(__name__)  # how pytest imports a test, its module cannot be found by its name
    vars(module).update(Searcher=Searcher, plain=plain)
    monkeypatch.setitem(sys.modules, __name__, module)
    adapter = _Asking(cast("Any", None))
    adapter.install()
    monkeypatch.setitem(globals(), "plain", module.plain)
    yield
    adapter.uninstall()


def _pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))


def _as_dict(value: Any) -> Any:
    return dataclasses.asdict(Holder(value))["work"]


def _inside(value: Any) -> Any:
    return copy.deepcopy(SimpleNamespace(work=value)).work


WAYS = [_pickled, copy.copy, copy.deepcopy, _as_dict, _inside]


@pytest.mark.parametrize("way", WAYS)
def test_a_method_goes_with_its_object_and_stays_wrapped(way: Callable[[Any], Any]) -> None:
    assert way(Searcher("a book").search)("read ") == "wrapped read a book"


@pytest.mark.parametrize("way", WAYS)
def test_a_function_of_a_class_stays_wrapped(way: Callable[[Any], Any]) -> None:
    assert way(Searcher.search)(Searcher("a book")) == "wrapped a book"


@pytest.mark.parametrize("way", WAYS)
def test_a_function_of_a_module_stays_wrapped(way: Callable[[Any], Any]) -> None:
    assert way(plain)() == "wrapped plain"


def test_a_deep_copy_is_of_a_copied_object_and_a_copy_of_the_same() -> None:
    searcher = Searcher("a book")
    shallow, deep = copy.copy(searcher.search), copy.deepcopy(searcher.search)
    searcher.found = "nothing"
    assert (shallow(), deep()) == ("wrapped nothing", "wrapped a book")


def test_what_was_pickled_in_an_instrumented_process_is_read_in_any_other() -> None:
    kept = pickle.dumps([Searcher("a book").search, Searcher.search, plain])
    assert b"spanledger_instrumentation.wrapped" not in kept
