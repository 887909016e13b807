"""The pipeline: profile, shortlist, recommendation; and the note afterwards."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Literal

import openai
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from pydantic import BaseModel

import spanledger
from recommender.agents import CourseRecommender, ProfileAnalyzer, SummaryWriter
from recommender.backend import Backend
from recommender.catalogue import Catalogue
from recommender.models import Answer, Choices, LearnerRequest, Recommendation

ANALYZER_MODEL = "gpt-4o-mini"
RECOMMENDER_MODEL = "gpt-5-mini"
SUMMARY_MODEL = "gpt-4.1-nano"
EMBEDDING_MODEL = "text-embedding-3-small"
_DIMENSIONS = 512


class Part(BaseModel):
    """One message of a streamed answer: the profile, a course of the shortlist, a piece of text, the end."""

    type: Literal["profile", "course", "text", "done", "error"]
    data: object = None


@dataclass(frozen=True)
class Pipeline:
    """The agents and the catalogue, working together."""

    analyzer: ProfileAnalyzer
    recommender: CourseRecommender
    summaries: SummaryWriter
    catalogue: Catalogue

    async def recommend(self, request: LearnerRequest) -> Answer:
        """The whole answer at once."""
        profile = await self.analyzer.analyze(request)
        with spanledger.stage("course_recommender"):
            shortlist = await self.catalogue.shortlist(profile)
            chosen = await self.recommender.choose(profile, shortlist)
        return Answer(profile=profile, recommendations=self._known(chosen), path=chosen.path)

    async def stream(self, request: LearnerRequest) -> AsyncIterator[Part]:
        """The answer as it comes; the last part, `done`, carries the whole of it."""
        profile = await self.analyzer.analyze(request)
        yield Part(type="profile", data=profile)
        with spanledger.stage("course_recommender"):
            shortlist = await self.catalogue.shortlist(profile)
            for course in shortlist[:3]:
                yield Part(type="course", data=course)
            said = []
            async for text in self.recommender.narrate(profile, shortlist):
                said.append(text)
                yield Part(type="text", data=text)
        yield Part(type="done", data=Answer(profile=profile, recommendations=[], path="".join(said)))

    async def keep_note(self, answer: Answer) -> None:
        """Write down what was recommended; runs after the learner has the answer."""
        self.catalogue.note(await self.summaries.summarize(answer))

    def _known(self, chosen: Choices) -> list[Recommendation]:
        found = [(self.catalogue.course(choice.course_id), choice) for choice in chosen.choices]
        return [
            Recommendation(course=course, reason=choice.reason, fit=choice.fit)
            for course, choice in found
            if course is not None
        ]


def build(backend: Backend, http: openai.DefaultAsyncHttpxClient, database: str = ":memory:") -> Pipeline:
    """The pipeline on that model API; all its requests go through one HTTP client."""

    def chat(model: str, temperature: float | None = None, effort: str | None = None) -> ChatOpenAI:
        return ChatOpenAI(
            model=model,
            temperature=temperature,
            reasoning_effort=effort,
            base_url=backend.base_url,
            api_key=backend.api_key,
            http_async_client=http,
        )

    embeddings = OpenAIEmbeddings(
        model=EMBEDDING_MODEL,
        dimensions=_DIMENSIONS,
        base_url=backend.base_url,
        api_key=backend.api_key,
        http_async_client=http,
        check_embedding_ctx_length=False,  # the texts are short; counting would fetch a tokenizer
    )
    return Pipeline(
        analyzer=ProfileAnalyzer(chat(ANALYZER_MODEL, temperature=0)),
        recommender=CourseRecommender(chat(RECOMMENDER_MODEL, effort="low")),
        summaries=SummaryWriter(chat(SUMMARY_MODEL, temperature=0)),
        catalogue=Catalogue(embeddings, database),
    )
