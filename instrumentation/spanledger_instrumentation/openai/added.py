"""What we add to requests: the option that asks for usage, and a cap. Not every server that speaks OpenAI's knows both.

A server that refuses a field is asked once more: without the option, or with the cap under its other name (versions of
Azure's API before 2024-09-01-preview know `max_tokens` only). What got through then is remembered for the server.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

#: The field that asks for usage at the end of a stream.
OPTION = "stream_options"
_OPTION = re.compile(r"stream_options|include_usage", re.IGNORECASE)
#: The names that the cap of a chat has. Servers may know one, models of others take but the other.
_OTHER_NAME = {"max_completion_tokens": "max_tokens", "max_tokens": "max_completion_tokens"}
#: How servers say that they do not know a field, unlike that its value is wrong.
_UNKNOWN = re.compile(
    r"unrecogni[sz]ed|unsupported|not supported|unknown|unexpected|extra|not permitted", re.IGNORECASE
)


def usage_option(body: Mapping[str, Any]) -> dict[str, Any] | None:
    """`stream_options` that ask for usage; None where the app has said itself whether it wants that."""
    given = body.get(OPTION)
    if given is not None and (not isinstance(given, Mapping) or "include_usage" in given):
        return None
    return {**(given or {}), "include_usage": True}


class Added:
    """What is added to one request. `refused` are the fields that its server is known to refuse."""

    def __init__(self, refused: set[str]) -> None:
        self.fields: dict[str, Any] = {}
        self._known = refused
        self._refused: set[str] = set()

    @property
    def asks(self) -> bool:
        """Whether it is we who ask for usage."""
        return OPTION in self.fields

    def ask(self, body: Mapping[str, Any]) -> bool:
        """Ask for usage, unless the app or the server is against it; whether that is asked."""
        if OPTION not in self._known and (option := usage_option(body)) is not None:
            self.fields[OPTION] = option
        return self.asks

    def cap(self, field: str, output: int) -> None:
        """Cap the output by this field, or by its other name where the server refuses this one."""
        other = _OTHER_NAME.get(field)
        self.fields[other if other and field in self._known and other not in self._known else field] = output

    def may_be_refused(self, status: int | None) -> bool:
        """Whether an answer with this status may be about what was added."""
        return bool(self.fields) and status in (400, 422)

    def again(self, said: str | None) -> bool:
        """Whether an error is about what was added, so that the request is to be made again with what is left of it.

        `said` is the error in the server's words; one that nobody can read may be.
        """
        about = [field for field in self.fields if self._is_about(field, said)]
        for field in about:
            value = self.fields.pop(field)
            if field in _OTHER_NAME:
                self.fields[_OTHER_NAME[field]] = value
        self._refused.update(about)
        return bool(about)

    def _is_about(self, field: str, said: str | None) -> bool:
        if field == OPTION:
            return said is None or _OPTION.search(said) is not None
        other = _OTHER_NAME.get(field)
        if other is None or other in self._refused:
            return False
        return said is None or (re.search(rf"\b{field}\b", said) is not None and _UNKNOWN.search(said) is not None)

    def got_through(self) -> None:
        """The request was answered, and what the server refused of it on the way is known from now on."""
        self._known |= self._refused
