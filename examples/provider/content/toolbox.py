"""Which of the tools on offer the model calls."""

from __future__ import annotations

import re

from provider.content.prompt import COMMON
from provider.content.talk import Talk, Tool


def chosen(talk: Talk) -> tuple[Tool, ...]:
    """The tools to call now; none means that the model answers in words.

    A named function is called. Otherwise the model calls once what fits the question, reads the
    result and answers; when calling is required, it goes on to a tool it has not called yet.
    """
    if not talk.tools or talk.choice == "none":
        return ()
    named = tuple(tool for tool in talk.tools if tool.name == talk.choice)
    if named:
        return named
    if talk.found and talk.choice != "required":
        return ()
    fresh = tuple(tool for tool in talk.tools if tool.name not in talk.called) or talk.tools
    asked_for = tuple(tool for tool in fresh if re.search(rf"\b{re.escape(tool.name)}\b", talk.question.text))
    if len(asked_for) > 1 and talk.parallel:
        return asked_for
    return (max(asked_for or fresh, key=lambda tool: _fit(tool, talk)),)


def _fit(tool: Tool, talk: Talk) -> int:
    """How many telling words tool and question share."""
    return len(_words(f"{tool.name} {tool.description}") & _words(talk.question.text))


def _words(text: str) -> set[str]:
    return {word for word in re.findall(r"[a-z]{3,}", text.lower()) if word not in COMMON}
