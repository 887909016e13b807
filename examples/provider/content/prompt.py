"""The words of a prompt that an answer can pick up."""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from dataclasses import dataclass
from functools import cached_property

_WORD = re.compile(r"[^\W\d_]{3,}")
_LABEL = re.compile(r"[\"']?\b\w+[\"']?\s*:")  # the name of a field says nothing about its value
_NAME = re.compile(r"(?<=[^.!?\s] )[A-Z][\w-]+")
_COMMON = """
a an as at be by do i if in is it my of on or to up we about above after all also and any are asks
been before being below both but can could does done each else every few for from give given goes
had has have her here hers him his how into its just like list made make many may more most much
must need not now off one only other our out over per please same say says she should some such tell
than that the their them then there these they this those too under until use used user using very
want wants was were what when where which while who why will with within would you your write answer
json true false null move learn show first help
"""
COMMON = frozenset(_COMMON.split())
"""Words that say nothing about what a text is about."""


@dataclass(frozen=True)
class Prompt:
    """The text of a prompt, without the wishes to this provider."""

    text: str

    @cached_property
    def keywords(self) -> tuple[str, ...]:
        """Its telling words in lower case, most frequent first, then in order; never empty."""
        words = [word.lower() for word in _WORD.findall(_LABEL.sub(" ", self.text))]
        counted = Counter(word for word in words if word not in COMMON and len(word) > 3)
        return tuple(word for word, _ in counted.most_common(40)) or ("question", "answer")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Capitalised words inside a sentence: places, people, products."""
        return tuple(dict.fromkeys(_NAME.findall(self.text)))

    def mentions(self, name: str) -> list[str]:
        """What the prompt gives for a field of that name: `course_id: DA-101`, `"course_id": "DA-101"`."""
        spelled = r"[_ -]?".join(re.escape(part) for part in name.split("_"))
        pattern = rf"(?i)(?<![\w]){spelled}[\"']?(?:\s*[:=]\s*|\s+is\s+)[\"']?([^\"'|\n\r,;{{}}\[\]]+)"
        return [value.strip() for value in re.findall(pattern, self.text) if value.strip()]


def stable(*salt: object) -> int:
    """A large number that depends on nothing but what is given."""
    return int.from_bytes(hashlib.sha256("\x1f".join(map(str, salt)).encode()).digest()[:8])
