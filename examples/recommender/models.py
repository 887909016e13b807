"""What goes in, what the agents say to each other, what comes out."""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, Field


class Level(StrEnum):
    """How much a learner knows, or a course asks for."""

    BEGINNER = "beginner"
    INTERMEDIATE = "intermediate"
    ADVANCED = "advanced"

    @property
    def rank(self) -> int:
        """0 for beginners, upwards."""
        return list(Level).index(self)


class LearnerRequest(BaseModel):
    """What a learner says."""

    goal: str = Field(min_length=3, max_length=2000)
    background: str = Field("", max_length=4000)
    hours_per_week: int = Field(5, ge=1, le=60)


class LearnerProfile(BaseModel):
    """The learner as ProfileAnalyzer understood them."""

    goal: str = Field(description="The goal, in the learner's own words")
    level: Level = Field(description="How much the learner knows about the subject of the goal")
    topics: list[str] = Field(description="Subjects to learn, most important first", min_length=1, max_length=6)
    hours_per_week: int = Field(description="As given", ge=1, le=60)
    summary: str = Field(description="The learner in one sentence")


class Course(BaseModel):
    """One row of the catalogue."""

    course_id: str
    title: str
    area: str
    level: Level
    hours: int
    topics: str
    description: str


class Choice(BaseModel):
    """One course that CourseRecommender chose."""

    course_id: str = Field(description="Identifier from the shortlist")
    reason: str = Field(description="One sentence that connects the learner and the course")
    fit: float = Field(description="How well it fits, 0 to 1", ge=0, le=1)


class Choices(BaseModel):
    """The answer of CourseRecommender."""

    choices: list[Choice] = Field(description="At most three courses, in the order to take them", max_length=3)
    path: str = Field(description="Two or three sentences that put the courses into an order")


class Recommendation(BaseModel):
    """A chosen course with everything the catalogue knows about it."""

    course: Course
    reason: str
    fit: float


class Answer(BaseModel):
    """The reply to a learner."""

    profile: LearnerProfile
    recommendations: list[Recommendation]
    path: str
