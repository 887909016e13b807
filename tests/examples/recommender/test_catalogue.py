"""The catalogue: what is in it, and how it narrows down."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from langchain_core.embeddings import Embeddings

from provider.content.vectors import embed
from recommender.catalogue import Catalogue
from recommender.models import Course, LearnerProfile, Level


class Words(Embeddings):
    """Embeddings made in this process; counts the texts."""

    def __init__(self) -> None:
        self.embedded = 0

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        self.embedded += len(texts)
        return [embed(text, 512) for text in texts]

    def embed_query(self, text: str) -> list[float]:
        return embed(text, 512)


@pytest.fixture
def catalogue() -> Iterator[Catalogue]:
    made = Catalogue(Words())
    asyncio.run(made.index())
    yield made
    made.close()


def shortlist(catalogue: Catalogue, goal: str, level: Level, hours: int = 5) -> list[Course]:
    profile = LearnerProfile(goal=goal, level=level, topics=[goal], hours_per_week=hours, summary="")
    return asyncio.run(catalogue.shortlist(profile))


def test_the_nearest_courses_come_first(catalogue: Catalogue) -> None:
    found = shortlist(catalogue, "kubernetes deployments and autoscaling", Level.ADVANCED)

    assert found[0].title == "Kubernetes in Production"
    assert len(found) == 8


def test_a_beginner_is_not_shown_advanced_courses(catalogue: Catalogue) -> None:
    found = shortlist(catalogue, "kubernetes deployments and autoscaling", Level.BEGINNER)

    assert {course.level for course in found} <= {Level.BEGINNER, Level.INTERMEDIATE}


def test_a_course_longer_than_three_months_is_left_out(catalogue: Catalogue) -> None:
    found = shortlist(catalogue, "deep learning with pytorch", Level.ADVANCED, hours=2)

    assert max(course.hours for course in found) <= 24


def test_where_too_few_courses_fit_the_limits_are_dropped(catalogue: Catalogue) -> None:
    found = shortlist(catalogue, "data", Level.ADVANCED, hours=1)

    assert len(found) == 8
    assert max(course.hours for course in found) > 12


def test_a_course_is_found_by_its_identifier_and_an_invented_one_is_not(catalogue: Catalogue) -> None:
    course = catalogue.course("DA-110")

    assert course is not None
    assert course.title == "SQL from the First Query"
    assert catalogue.course("XX-999") is None


def test_a_search_before_the_index_says_what_is_missing() -> None:
    made = Catalogue(Words())

    with pytest.raises(RuntimeError, match="await index"):
        shortlist(made, "data", Level.BEGINNER)
    made.close()


def test_a_kept_catalogue_is_embedded_only_once(tmp_path: Path) -> None:
    words = Words()
    for _ in range(2):
        made = Catalogue(words, str(tmp_path / "courses.sqlite"))
        asyncio.run(made.index())
        made.close()

    assert words.embedded == 50
