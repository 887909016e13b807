"""Sentences about the prompt."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from provider.content.prompt import Prompt, stable
from provider.tokens import count, pieces

_FIRST = (
    "The short answer is {a}.",
    "It comes down to {a}, and then to {b}.",
    "I would begin with {a}.",
    "Most of this is about {a}.",
)
_THEN = (
    "Start with {a}, because it carries over to {b}.",
    "A good next step is {a} together with {b}.",
    "Keep {a} small at first and add {b} once it works.",
    "With {a} in place, {b} becomes much easier.",
    "Look at {a} before you change {b}.",
    "What people miss is how {a} depends on {b}.",
    "After {a}, move on to {b} at your own pace.",
)


def prose(prompt: Prompt, facts: Sequence[str] = (), length: int | None = None, salt: object = 0) -> str:
    """An answer in sentences: the facts first, then what the prompt is about.

    Args:
        prompt: Whose words the answer picks up; titles it lists are preferred to plain words.
        facts: Sentences to begin with, such as what a tool has found.
        length: Exactly so many tokens; without it, the answer ends with a sentence.
        salt: Another answer to the same prompt.
    """
    wanted = 40 + stable(prompt.text, salt) % 40 if length is None else length
    said: list[str] = []
    spent = 0
    for sentence in _sentences(prompt, facts, salt):
        if spent >= wanted:
            break
        said.append(sentence if not said else " " + sentence)
        spent += count(said[-1])
    text = "".join(said)
    return text if length is None else "".join(pieces(text)[:length])


def sentence(prompt: Prompt, about: str, salt: object) -> str:
    """One sentence, for a field that wants prose."""
    words = prompt.keywords
    at = stable(prompt.text, about, salt)
    first, second = words[at % len(words)], words[(at // 7 + 1) % len(words)]
    return _THEN[at % len(_THEN)].format(a=first, b=second)


def _sentences(prompt: Prompt, facts: Sequence[str], salt: object) -> Iterator[str]:
    yield from facts
    topics = prompt.mentions("title")[:4] or list(prompt.keywords[:12])
    at = stable(prompt.text, salt, "opening")
    yield _FIRST[at % len(_FIRST)].format(a=topics[0], b=topics[1 % len(topics)])
    turn = 0
    while True:
        turn += 1
        template = _THEN[(at + turn) % len(_THEN)]
        yield template.format(a=topics[turn % len(topics)], b=topics[(turn + 1) % len(topics)])
