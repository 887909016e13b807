"""Spans written by hand."""

from __future__ import annotations

from dataclasses import dataclass, field

from demo.spans import Span, Value

SECOND = 1_000_000_000


@dataclass
class Story:
    """Writes spans of one trace with ids and times that can be foretold."""

    trace_id: str = "a" * 32
    spans: list[Span] = field(default_factory=list)

    def span(self, name: str, start: float, end: float, parent: Span | None = None, **attributes: Value) -> Span:
        """A span from second to second; `__` in an attribute's name stands for a dot."""
        made = Span(
            trace_id=self.trace_id,
            span_id=f"{len(self.spans) + 1:016x}",
            parent_id=parent.span_id if parent else "",
            name=name,
            start=round(start * SECOND),
            end=round(end * SECOND),
            attributes={key.replace("__", "."): value for key, value in attributes.items()},
        )
        self.spans.append(made)
        return made

    def call(self, parent: Span | None, start: float, end: float, **attributes: Value) -> Span:
        """A metered chat call of gpt-4o-mini, unless told otherwise."""
        given: dict[str, Value] = {
            "gen_ai__operation__name": "chat",
            "gen_ai__request__model": "gpt-4o-mini",
            "gen_ai__usage__input_tokens": 1000,
            "gen_ai__usage__output_tokens": 100,
            "gen_ai__usage__cost__amount": 0.00021,
        }
        merged = {name: value for name, value in (given | attributes).items() if value is not None}
        return self.span(f"chat {merged['gen_ai__request__model']}", start, end, parent, **merged)


def request() -> Story:
    """A request with two stages, three calls of three models, and a price nobody knows."""
    story = Story()
    root = story.span(
        "POST /recommend", 0, 4, spanledger__tenant__id="acme", user__id="ana", spanledger__cost__subtree=0.00122
    )
    first = story.span("profile_analyzer", 0, 1, root, spanledger__stage="profile_analyzer")
    story.call(first, 0.1, 1)
    second = story.span("course_recommender", 1, 4, root, spanledger__stage="course_recommender")
    story.call(
        second,
        1.5,
        4,
        gen_ai__request__model="gpt-5-mini",
        gen_ai__usage__input_tokens=2000,
        gen_ai__usage__cache_read__input_tokens=1152,
        gen_ai__usage__output_tokens=400,
        gen_ai__usage__reasoning__output_tokens=128,
        gen_ai__usage__cost__amount=0.00101,
    )
    story.call(second, 1, 1.25, gen_ai__request__model="house-blend", gen_ai__usage__cost__amount=None)
    return story
