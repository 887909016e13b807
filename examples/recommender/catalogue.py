"""The course catalogue: SQLite for what can be filtered, embeddings for what is meant."""

from __future__ import annotations

import csv
import sqlite3
import struct
from collections.abc import Sequence
from pathlib import Path

from langchain_core.embeddings import Embeddings

from recommender.models import Course, LearnerProfile, Level

COURSES = Path(__file__).with_name("courses.csv")
SHORTLIST = 8
_WEEKS = 12  # a plan may take three months
_COLUMNS = ("course_id", "title", "area", "level", "hours", "topics", "description")
_INSERT = f"INSERT OR IGNORE INTO courses ({', '.join(_COLUMNS)}, rank) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"
_SCHEMA = """
CREATE TABLE IF NOT EXISTS courses (
    course_id TEXT PRIMARY KEY, title TEXT NOT NULL, area TEXT NOT NULL, level TEXT NOT NULL,
    hours INTEGER NOT NULL, topics TEXT NOT NULL, description TEXT NOT NULL,
    rank INTEGER NOT NULL, vector BLOB
);
CREATE TABLE IF NOT EXISTS summaries (
    number INTEGER PRIMARY KEY, text TEXT NOT NULL
);
"""


class Catalogue:
    """Courses and the notes about consultations, in one SQLite database."""

    def __init__(self, embeddings: Embeddings, database: str = ":memory:", courses: Path = COURSES) -> None:
        """Open the database and fill it from the CSV file; `index` must follow before the first search."""
        self._embeddings = embeddings
        self._db = sqlite3.connect(database)
        self._db.executescript(_SCHEMA)
        with courses.open(newline="", encoding="utf-8") as file, self._db:
            for row in csv.DictReader(file):
                values = [row[name] for name in _COLUMNS]
                self._db.execute(_INSERT, [*values, Level(row["level"]).rank])

    def close(self) -> None:
        """Close the database."""
        self._db.close()

    async def index(self) -> int:
        """Embed the courses that have no vector yet, in one request; how many there were."""
        rows = self._db.execute(
            "SELECT course_id, title, topics, description FROM courses WHERE vector IS NULL"
        ).fetchall()
        if rows:
            vectors = await self._embeddings.aembed_documents(["; ".join(row[1:]) for row in rows])
            with self._db:
                self._db.executemany(
                    "UPDATE courses SET vector = ? WHERE course_id = ?",
                    [(_packed(vector), row[0]) for row, vector in zip(rows, vectors, strict=True)],
                )
        return len(rows)

    async def shortlist(self, profile: LearnerProfile, size: int = SHORTLIST) -> list[Course]:
        """The courses nearest to the profile among those of a level and a length the learner can take.

        Where too few fit, level and length are dropped: a stretch is better than nothing.
        """
        wanted = await self._embeddings.aembed_query("; ".join([profile.goal, *profile.topics]))
        limits = (profile.level.rank - 1, profile.level.rank + 1, profile.hours_per_week * _WEEKS)
        rows = self._rows("WHERE rank BETWEEN ? AND ? AND hours <= ?", limits)
        if len(rows) < size:
            rows = self._rows()
        nearest = sorted(rows, key=lambda row: -_likeness(wanted, _unpacked(row[-1])))
        return [_course(row) for row in nearest[:size]]

    def course(self, course_id: str) -> Course | None:
        """The course of that identifier, or None: models do invent some."""
        rows = self._rows("WHERE course_id = ?", (course_id,))
        return _course(rows[0]) if rows else None

    def note(self, text: str) -> None:
        """Keep a summary of a consultation."""
        with self._db:
            self._db.execute("INSERT INTO summaries (text) VALUES (?)", (text,))

    def notes(self) -> list[str]:
        """All summaries, oldest first."""
        return [row[0] for row in self._db.execute("SELECT text FROM summaries ORDER BY number")]

    def _rows(self, condition: str = "", values: Sequence[object] = ()) -> list[tuple[object, ...]]:
        query = f"SELECT {', '.join(_COLUMNS)}, vector FROM courses {condition} ORDER BY course_id"
        return self._db.execute(query, list(values)).fetchall()


def _course(row: tuple[object, ...]) -> Course:
    return Course.model_validate(dict(zip(_COLUMNS, row, strict=False)))


def _packed(vector: Sequence[float]) -> bytes:
    return struct.pack(f"<{len(vector)}f", *vector)


def _unpacked(blob: object) -> tuple[float, ...]:
    if not isinstance(blob, bytes):
        raise RuntimeError("the catalogue has no index yet: await index() before the first search")
    return struct.unpack(f"<{len(blob) // 4}f", blob)


def _likeness(one: Sequence[float], other: Sequence[float]) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
