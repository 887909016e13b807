"""A YAML file as plain values that remember their lines, and a check of them against a JSON schema.

Numbers stay as they were written (0.15 is a `Decimal`, never a float). The check knows as much of JSON schema as our
schema uses; so the file that editors validate against is the one that decides here. Imports PyYAML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml

Path = tuple[str | int, ...]

#: Deeper than this, a file is no price list but an attempt at something else.
_DEEPEST = 10


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong at a place of a document."""

    line: int
    path: Path
    text: str

    def __str__(self) -> str:
        """Such as `line 7, prices[2].input: must be a number, is 'abc'`."""
        place = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.path).lstrip(".")
        return f"line {self.line}{', ' + place if place else ''}: {self.text}"


class Malformed(ValueError):  # noqa: N818  it is said of a document, not raised to users
    """The text is no YAML, or not of the kind that is understood here."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(str(problem))


class Document:
    """The values of a YAML text, and on which line each is."""

    def __init__(self, text: str) -> None:
        self._lines: dict[Path, int] = {}
        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            what = error.problem or error.context or "is no YAML"
            raise Malformed(Problem(mark.line + 1 if mark else 1, (), f"is no YAML: {what}")) from error
        except yaml.YAMLError as error:
            raise Malformed(Problem(1, (), f"is no YAML: {error}")) from error
        self.value: Any = {} if node is None else self._plain(node, ())

    def at(self, path: Path, text: str) -> Problem:
        """A problem at a place, or at the nearest one around it that is there."""
        found = next(self._lines[path[:depth]] for depth in range(len(path), -1, -1) if path[:depth] in self._lines)
        return Problem(found, path, text)

    def against(self, schema: Mapping[str, Any]) -> Iterator[Problem]:
        """Where the document is not what the schema says."""
        for path, text in violations(self.value, schema, ()):
            yield self.at(path, text)

    def _plain(self, node: yaml.Node, path: Path) -> Any:
        self._lines[path] = node.start_mark.line + 1
        if len(path) > _DEEPEST:
            raise Malformed(self.at(path, "is nested too deeply"))
        if isinstance(node, yaml.SequenceNode):
            return [self._plain(each, (*path, place)) for place, each in enumerate(node.value)]
        if isinstance(node, yaml.MappingNode):
            return self._mapping(node, path)
        return _scalar(node)

    def _mapping(self, node: yaml.MappingNode, path: Path) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in node.value:
            name = str(key.value)
            self._lines[(*path, name)] = key.start_mark.line + 1
            if name in found:
                raise Malformed(self.at((*path, name), "is given twice; keep one"))
            found[name] = self._plain(value, (*path, name))
        return found


def _scalar(node: yaml.Node) -> Any:
    text = str(node.value)
    match node.tag.rpartition(":")[2]:
        case "bool":
            return text.lower() in ("true", "yes", "on")
        case "null":
            return None
        case "int" | "float":
            try:
                return Decimal(text.replace("_", ""))
            except InvalidOperation:
                return text
    return text


_TYPES: Mapping[str, tuple[type, str]] = {
    "object": (dict, "a mapping (name: value)"),
    "array": (list, "a list (lines that begin with -)"),
    "string": (str, "text; put it in quotes"),
    "number": (Decimal, "a number"),
    "integer": (Decimal, "a whole number"),
    "boolean": (bool, "true or false"),
}


def violations(value: Any, schema: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    """Where a value is not what a schema says, and what would be right."""
    kind, words = _TYPES[schema["type"]]
    whole = schema["type"] != "integer" or (isinstance(value, Decimal) and value == value.to_integral_value())
    if not isinstance(value, kind) or not whole:
        yield path, f"must be {words}, is {_shown(value)}{_meaning(schema)}"
    elif isinstance(value, dict):
        yield from _of_mapping(value, schema, path)
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from violations(each, schema["items"], (*path, place))
    elif (wrong := _of_scalar(value, schema)) is not None:
        yield path, f"{wrong}, is {_shown(value)}{_meaning(schema)}"


def _of_mapping(value: dict[str, Any], schema: Mapping[str, Any], path: Path) -> Iterator[tuple[Path, str]]:
    known, others = schema.get("properties", {}), schema.get("additionalProperties", False)
    for name in schema.get("required", ()):
        if name not in value:
            yield path, f"has no {name}; add it{_meaning(known[name])}"
    for name, each in value.items():
        if name in known or others:
            yield from violations(each, known.get(name, others), (*path, name))
        else:
            yield (*path, name), f"is not known here; known are {', '.join(known)}"


def _of_scalar(value: Any, schema: Mapping[str, Any]) -> str | None:
    """What is wrong with a text or a number."""
    if isinstance(value, Decimal):
        return _of_number(value, schema)
    if isinstance(value, str):
        if "enum" in schema and value not in schema["enum"]:
            return f"must be one of {', '.join(schema['enum'])}"
        if "pattern" in schema and not re.search(schema["pattern"], value):
            return f"must look like {schema['pattern']}"
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            return f"must have {schema['minLength']} to {schema['maxLength']} characters"
    return None


def _of_number(value: Decimal, schema: Mapping[str, Any]) -> str | None:
    if not value.is_finite():
        return "must be a number"
    if value < schema.get("minimum", value):
        return f"must be at least {schema['minimum']}"
    if "exclusiveMinimum" in schema and value <= schema["exclusiveMinimum"]:
        return f"must be above {schema['exclusiveMinimum']}"
    if "exclusiveMaximum" in schema and value >= schema["exclusiveMaximum"]:
        return f"must be below {schema['exclusiveMaximum']}"
    return None


def _shown(value: Any) -> str:
    if isinstance(value, Decimal):
        return str(value)
    shown = "nothing" if value is None else repr(value)
    return shown if len(shown) <= 60 else shown[:60] + "…"


def _meaning(schema: Mapping[str, Any]) -> str:
    return f" ({schema['description']})" if schema.get("description") else ""
