"""Calls whose answer or question is audio or a picture: transcriptions, translations, speech, images.

Some of their models are billed by tokens, some by the second of audio, the character or the picture. Pure: no client,
no network.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import reduce
from operator import add
from typing import Any

from spanledger.bound import Bound
from spanledger.messages import NOTHING, Answer
from spanledger.usage import Units, Usage
from spanledger_instrumentation.clients.answers import ProviderError, payload
from spanledger_instrumentation.clients.shapes import mapping, text
from spanledger_instrumentation.openai.request import Api
from spanledger_instrumentation.openai.units import pictured, spoken, transcribed
from spanledger_instrumentation.openai.usage import read_usage

#: The APIs that this module reads.
MEDIA: frozenset[Api] = frozenset({"transcriptions", "speech", "images"})
_REASONS: Mapping[Api, str] = {
    "transcriptions": "a request does not tell how long its audio is",
    "speech": "a request does not cap how long the speech becomes",
    "images": "a request does not cap the tokens of its pictures",
}
#: Events of streams that tell what was used.
_TOLD = ("transcript.text.done", "speech.audio.done", "image_generation.completed", "image_edit.completed")


def bound(api: Api, body: Mapping[str, Any]) -> Bound:
    """The worst case: models that are billed by the character or the picture have one, of others only a window is."""
    if api == "speech":
        said = text(body.get("input"))
        return _bound(api, None if said is None else Units(characters=len(said)))
    return _bound(api, Units(images=_pieces(body)) if api == "images" else None)


def _bound(api: Api, units: Units | None) -> Bound:
    return Bound(None, None, text_only=False, units=units, reason=_REASONS[api])


def _pieces(body: Mapping[str, Any]) -> int:
    """How many pictures are asked for; forms have their numbers as text."""
    asked = str(body.get("n") or 1)
    return int(asked) if asked.isdigit() else 1


class MediaReader:
    """Reads the answer to one request."""

    def __init__(self, api: Api, body: Mapping[str, Any]) -> None:
        self._api = api
        self._body = body

    def whole(self, body: bytes) -> Answer:
        """Read a complete body: JSON, or plain text or audio, which tell nothing of what they took."""
        if self._api == "speech":
            return Answer(spoken(self._body))
        try:
            found = mapping(json.loads(body))
        except ValueError:
            found = {}
        read = pictured if self._api == "images" else transcribed
        return Answer(read(found), text(found.get("model")))

    def partial(self, elapsed: float) -> Answer:  # noqa: ARG002  time does not tell how much was worked
        """An answer that was never read. The text of speech was taken as a whole; of all else nothing is known."""
        return Answer(spoken(self._body)) if self._api == "speech" else NOTHING


class MediaEvents:
    """Reads the events of a stream. Whatever the last of them do not tell, nobody knows: it is charged as held."""

    edits = False
    final = False
    error: BaseException | None = None

    def __init__(self) -> None:
        self._found: list[Usage] = []

    def event(self, raw: bytes) -> bytes:
        """Take in one event."""
        found = payload(raw) or {}
        if found.get("type") in _TOLD and (usage := read_usage(found.get("usage"))) is not None:
            self._found.append(usage)
        if found.get("type") == "error" or "error" in found:
            reported = mapping(found.get("error")) or found
            self.error = ProviderError(reported, text(reported.get("code")) or "error")
        return raw

    def answer(self) -> Answer:
        """What was told; of several pictures each tells its own."""
        return Answer(reduce(add, self._found)) if self._found else NOTHING

    def partial(self, elapsed: float) -> Answer:  # noqa: ARG002  as above
        """The same, of a stream that was given up."""
        return self.answer()
