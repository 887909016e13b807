"""JSON that conforms to a schema, filled from the words of the prompt."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from provider.content.pattern import sample
from provider.content.prompt import Prompt, stable
from provider.content.prose import sentence
from provider.errors import Json

_PROSE = re.compile(
    r"(?i)summary|reason|descri|explan|rational|text|message|answer|comment|advice|note|content|goal|path|why"
)
_FORMATS = {
    "date-time": "2026-01-15T09:30:00Z",
    "date": "2026-01-15",
    "time": "09:30:00Z",
    "duration": "P1D",
    "email": "ana@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "3f2504e0-4f89-41d3-9a0c-0305e82c3301",
}
_DEEP = 5
_LIST = 3
_HUGE = 1e12
_NEAR = 1e-9


@dataclass(frozen=True)
class _Place:
    """Where in the value we are."""

    name: str = ""
    index: int = 0
    depth: int = 0

    def down(self, name: str, index: int | None = None) -> _Place:
        return _Place(name, self.index if index is None else index, self.depth + 1)


def fill(schema: Json, prompt: Prompt, salt: object = 0) -> Any:
    """A value that satisfies the schema.

    A field gets what the prompt gives for a field of that name (`course_id: DA-101`), in the n-th
    element of a list the n-th mention; otherwise words and numbers that depend on the prompt alone.
    """
    return _Filler(schema, prompt, salt).value(schema, _Place())


@dataclass(frozen=True)
class _Filler:
    root: Json
    prompt: Prompt
    salt: object

    def value(self, schema: Any, place: _Place) -> Any:
        if not isinstance(schema, dict):  # `true`: anything goes
            return self.prompt.keywords[0]
        schema = self._resolved(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._chosen(schema["enum"], place)
        for union in ("anyOf", "oneOf"):
            if union in schema:
                return self.value(self._branch(schema[union], place), place)
        return self._typed(schema, place)

    def _typed(self, schema: Json, place: _Place) -> Any:
        kind = schema.get("type", "object" if "properties" in schema else "string")
        if isinstance(kind, list):
            kind = (
                next((k for k in kind if k != "null"), "null") if place.depth < _DEEP or "null" not in kind else "null"
            )
        if kind == "object":
            return self._object(schema, place)
        if kind == "array":
            return self._array(schema, place)
        if kind in ("integer", "number"):
            return self._number(schema, place, whole=kind == "integer")
        if kind == "boolean":
            said = self._mention(place)
            return said.lower().startswith(("t", "y", "1")) if said else True
        return None if kind == "null" else self._string(schema, place)

    def _resolved(self, schema: Json) -> Json:
        """The schema with its reference followed and the parts of `allOf` laid over one another."""
        for _ in range(20):
            if "$ref" not in schema:
                break
            target: Any = self.root
            for step in schema["$ref"].lstrip("#/").split("/"):
                target = target.get(step, {}) if step else target
            schema = {**target, **{k: v for k, v in schema.items() if k != "$ref"}}
        for given in schema.get("allOf", ()):
            part = self._resolved(given)
            merged = {**schema.get("properties", {}), **part.get("properties", {})}
            schema = {**schema, **part, **({"properties": merged} if merged else {})}
        return schema

    def _branch(self, options: Sequence[Any], place: _Place) -> Any:
        nulls = [o for o in options if isinstance(o, dict) and o.get("type") == "null"]
        others = [o for o in options if o not in nulls]
        if nulls and (place.depth >= _DEEP or not others):
            return nulls[0]
        return others[0]

    def _chosen(self, options: Sequence[Any], place: _Place) -> Any:
        said = self._mention(place).lower()
        for option in options:
            if said and str(option).lower() in said:
                return option
        text = self.prompt.text.lower()
        found = [
            (text.find(str(o).lower()), o) for o in options if re.search(rf"\b{re.escape(str(o).lower())}\b", text)
        ]
        if found:
            return min(found, key=lambda pair: pair[0])[1]
        return options[self._number_of(place) % len(options)]

    def _object(self, schema: Json, place: _Place) -> Json:
        needed = set(schema.get("required", ()))
        made = {}
        for name, sub in schema.get("properties", {}).items():
            if place.depth < _DEEP or name in needed:
                made[name] = self.value(sub, place.down(name))
        extra = schema.get("additionalProperties")
        for at in range(schema.get("minProperties", 0) - len(made)):
            made[self._word(at)] = self.value(extra, place.down("value", at))
        return made

    def _array(self, schema: Json, place: _Place) -> list[Any]:
        first = schema.get("prefixItems", [])
        fixed = [self.value(sub, place.down(place.name, at)) for at, sub in enumerate(first)]
        items = schema.get("items", not first)
        if items is False:
            return fixed
        least, most = schema.get("minItems", 0), schema.get("maxItems", math.inf)
        wanted = len(fixed) if first else self._natural_length(items, place)
        count = int(max(least, min(wanted, most)))
        values = fixed + [self.value(items, place.down(place.name, at)) for at in range(len(fixed), count)]
        if schema.get("uniqueItems"):
            values = list({json.dumps(v, sort_keys=True): v for v in values}.values())
        return values

    def _natural_length(self, items: Any, place: _Place) -> int:
        """As many as the prompt mentions, up to three; deep inside a recursive schema none."""
        if place.depth >= _DEEP:
            return 0
        fields = self._resolved(items).get("properties", {}) if isinstance(items, dict) else {}
        mentioned = max((len(self.prompt.mentions(name)) for name in fields), default=0)
        return min(_LIST, mentioned) or _LIST

    def _number(self, schema: Json, place: _Place, *, whole: bool) -> int | float:
        step: float = schema.get("multipleOf", 1 if whole else 0.01)
        first, last = _steps(schema, step)
        said = re.search(r"-?\d+(?:\.\d+)?", self._mention(place))
        if said:
            at = min(max(first, round(float(said[0]) / step)), last)
        else:
            at = first + self._number_of(place) % (min(last, first + round(9 / step)) - first + 1)
            at = max(at, (first + last) // 2) if "maximum" in schema else at
        return int(at * step) if whole else round(at * step, 6)

    def _string(self, schema: Json, place: _Place) -> str:
        if "pattern" in schema:
            return self._matching(schema["pattern"], place)
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        text = self._mention(place) or self._invented(place)
        shortest, longest = schema.get("minLength", 0), schema.get("maxLength")
        while len(text) < shortest:
            text = (text + " " + self._word(len(text))).strip()
        return text[:longest] if longest is not None else text

    def _matching(self, pattern: str, place: _Place) -> str:
        said = [m for m in (self._mention(place), *self.prompt.text.split()) if m and re.search(pattern, m)]
        return said[0] if said else sample(pattern) or ""

    def _invented(self, place: _Place) -> str:
        if _PROSE.search(place.name):
            return sentence(self.prompt, place.name, (self.salt, place.index))
        words = list({word.lower(): word for word in (*self.prompt.keywords, *self.prompt.names)}.values())
        words.sort(key=lambda word: word not in self.prompt.names)
        at = place.index if place.index else stable(place.name, self.salt) % 3
        return words[at % len(words)]

    def _mention(self, place: _Place) -> str:
        if not place.name:
            return ""
        said = self.prompt.mentions(place.name)
        return said[place.index % len(said)] if said else ""

    def _word(self, at: int) -> str:
        return self.prompt.keywords[at % len(self.prompt.keywords)]

    def _number_of(self, place: _Place) -> int:
        return stable(self.prompt.text, place.name, place.index, self.salt)


def _steps(schema: Json, step: float) -> tuple[int, int]:
    """The first and the last multiple of `step` that the bounds of the schema allow."""
    bounds = {"exclusiveMinimum": -math.inf, "exclusiveMaximum": math.inf} | schema
    low: float = bounds.get("minimum", bounds["exclusiveMinimum"])
    high: float = bounds.get("maximum", bounds["exclusiveMaximum"])
    if low == -math.inf:
        low = min(1.0, high - 10)
    if high == math.inf:
        high = low + _HUGE
    first, last = math.ceil(low / step - _NEAR), math.floor(high / step + _NEAR)
    first += 1 if abs(first * step - bounds["exclusiveMinimum"]) < _NEAR else 0
    last -= 1 if abs(last * step - bounds["exclusiveMaximum"]) < _NEAR else 0
    return first, max(first, last)
