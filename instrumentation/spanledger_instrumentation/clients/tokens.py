"""How many tokens a text has, as well as that can be told without the model's own tokenizer. Serves estimates only.

Tokenizers cut a text into words, numbers and punctuation first and only then into tokens; OpenAI's, Llama's and Qwen's
do so by nearly the same pattern. Counting those pieces comes much closer than any number of bytes per token, because
prose, code and JSON differ in their bytes. Most providers stream a token an event: there a piece is one token, however
long its word. `docs/conformance.md` says how far off that is on recorded answers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

#: Characters of scripts without spaces between words; each is about a token.
_WIDE = "\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
#: What tokens do not reach across: a word with what stands before it, three digits, punctuation, line ends, spaces.
_PIECE = re.compile(rf"[{_WIDE}]|[^\r\n\w]?[^\W\d_{_WIDE}]+|\d{{1,3}}| ?(?:[^\s\w]|_)+[\r\n/]*|\s*[\r\n]+|\s+")
#: What one event holds of a stream that comes token by token.
_ONE = re.compile(
    rf"\s*(?:(?:[^\w\s]|_)*(?:[^\W\d_{_WIDE}]{{1,24}}(?:'\w{{1,2}})?|[{_WIDE}]{{1,4}})|\d{{1,3}}|(?:[^\w\s]|_)+)?\s*"
)


@dataclass(frozen=True, slots=True)
class Tokenizer:
    """Of a family of models, which bills more than the text that it lets see."""

    word: int
    """How many bytes of a word make a token."""
    answer: int = 0
    """Tokens that surround an answer."""
    call: int = 6
    """Tokens that surround a call of a tool, beside its name and its arguments."""

    def count(self, text: str) -> int:
        """Tokens of a text."""
        sizes = (len(piece.strip().encode("utf-8", "replace")) for piece in _PIECE.findall(text))
        return sum(-(-size // self.word) or 1 for size in sizes)

    def written(self, pieces: Iterable[str]) -> int:
        """Tokens of a text that came in these pieces."""
        return sum(1 if _ONE.fullmatch(piece) else self.count(piece) for piece in pieces if piece)

    def billed(self, written: int, calls: int, *, whole: bool) -> int:
        """Tokens of an answer with so much text, names and arguments included, and so many calls of tools.

        What surrounds it is added once it is whole; until then only what was seen is certain.
        """
        seen = written + calls * self.call
        return seen + self.answer if whole and seen else seen


#: By a part of the model's name. Claude's tokens are shorter and its calls written in more words; OpenAI's newer models
#: open every answer with the channel they write to.
_FAMILIES = (
    ("claude", Tokenizer(word=7, answer=3, call=40)),
    ("gpt-5", Tokenizer(word=9, answer=4)),
    ("gpt-oss", Tokenizer(word=9, answer=4)),
)
_OTHERS = Tokenizer(word=9)


def tokenizer(model: object) -> Tokenizer:
    """The tokenizer of a model, by its name."""
    name = model.lower() if isinstance(model, str) else ""
    return next((found for part, found in _FAMILIES if part in name), _OTHERS)
