"""The agents. Each names its stage, and that is all spanledger asks of an app."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from langchain_core.language_models import BaseChatModel
from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

import spanledger
from recommender.models import Answer, Choices, Course, LearnerProfile, LearnerRequest

_PROMPTS = Path(__file__).with_name("prompts")


def _instructions(name: str) -> SystemMessage:
    return SystemMessage((_PROMPTS / f"{name}.md").read_text(encoding="utf-8").strip())


class ProfileAnalyzer:
    """The first agent: from what a learner says to a profile."""

    def __init__(self, model: BaseChatModel) -> None:
        """An agent that thinks with that model."""
        self._model = model.with_structured_output(LearnerProfile)
        self._instructions = _instructions("profile_analyzer")

    @spanledger.stage("profile_analyzer")
    async def analyze(self, request: LearnerRequest) -> LearnerProfile:
        """The profile of the learner."""
        said = (
            f"goal: {request.goal}\n"
            f"background: {request.background or 'not given'}\n"
            f"hours_per_week: {request.hours_per_week}"
        )
        profile = await self._model.ainvoke([self._instructions, HumanMessage(said)])
        return LearnerProfile.model_validate(profile)


class CourseRecommender:
    """The second agent: from a profile and a shortlist to courses."""

    def __init__(self, model: BaseChatModel) -> None:
        """An agent that thinks with that model."""
        self._model = model
        self._choosing = model.with_structured_output(Choices)
        self._instructions = _instructions("course_recommender")

    async def choose(self, profile: LearnerProfile, shortlist: Sequence[Course]) -> Choices:
        """The courses to take, as data."""
        chosen = await self._choosing.ainvoke(self._messages(profile, shortlist, "Choose."))
        return Choices.model_validate(chosen)

    async def narrate(self, profile: LearnerProfile, shortlist: Sequence[Course]) -> AsyncIterator[str]:
        """The recommendation as text, piece by piece."""
        wish = "Recommend in one paragraph of plain text."
        async for chunk in self._model.astream(self._messages(profile, shortlist, wish)):
            if text := chunk.text:
                yield text

    def _messages(self, profile: LearnerProfile, shortlist: Sequence[Course], wish: str) -> list[BaseMessage]:
        rows = [
            f"- course_id: {course.course_id} | title: {course.title} | level: {course.level} | "
            f"hours: {course.hours} | topics: {course.topics.replace(';', ',')}"
            for course in shortlist
        ]
        asked = f"# Profile\n{profile.model_dump_json()}\n\n# Shortlist\n" + "\n".join(rows) + f"\n\n{wish}"
        return [self._instructions, HumanMessage(asked)]


class SummaryWriter:
    """Writes the note about a consultation, after the learner has been answered."""

    def __init__(self, model: BaseChatModel) -> None:
        """An agent that thinks with that model."""
        self._model = model
        self._instructions = _instructions("summary_writer")

    @spanledger.stage("summary_writer")
    async def summarize(self, answer: Answer) -> str:
        """The consultation in two sentences."""
        titles = ", ".join(item.course.title for item in answer.recommendations)
        said = [
            f"Learner: {answer.profile.summary}",
            f"Recommended: {titles or 'see path'}",
            f"Path: {answer.path}",
        ]
        reply = await self._model.ainvoke([self._instructions, HumanMessage("\n".join(said))])
        return reply.text
