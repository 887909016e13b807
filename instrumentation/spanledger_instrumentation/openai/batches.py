"""Batches of the files API: what an uploaded file may cost, and what its results say.

Three requests belong together: the file of requests is uploaded, a batch is made of it, and hours later its output
file is read. What each must know of the others is remembered by the id of file or batch.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import astuple, replace
from typing import Any, ClassVar

from spanledger.bound import Bound
from spanledger.call import Calls
from spanledger.errors import contained
from spanledger.messages import Request
from spanledger_instrumentation.clients import batches
from spanledger_instrumentation.clients.batches import Result, release, settled
from spanledger_instrumentation.clients.bodies import show
from spanledger_instrumentation.clients.exchange import Exchange
from spanledger_instrumentation.clients.shapes import mapping, mappings, text
from spanledger_instrumentation.clients.sizes import size
from spanledger_instrumentation.clients.whom import whom
from spanledger_instrumentation.openai.bound import bound
from spanledger_instrumentation.openai.request import Api, Endpoint, endpoint, provider, request
from spanledger_instrumentation.openai.units import with_tools
from spanledger_instrumentation.openai.usage import read_usage

#: Sizes of requests are rounded up to a multiple of so many bytes, so that a file has few kinds of them.
_COARSE = 256
_UNSEEN = (
    "this process has not seen the upload of the batch's file, so nobody knows what it may cost; upload and submit it "
    "under one store"
)
#: Status of a batch that is over.
_OVER = ("completed", "failed", "expired", "cancelled")
#: What kind of answer is in a result, and the operation it belongs to.
_KINDS: Mapping[str, tuple[Api, str]] = {
    "chat.completion": ("chat", "chat"),
    "text_completion": ("completions", "text_completion"),
    "response": ("responses", "chat"),
    "list": ("embeddings", "embeddings"),
}


class Upload(Exchange):
    """A file of requests is uploaded: what they may cost is remembered by the file's id."""

    def __init__(self, calls: Calls, args: tuple[Any, ...]) -> None:
        super().__init__(args)
        self._calls = calls
        self._wanted: str | None = None
        if mapping(args[1].json_data).get("purpose") == "batch":
            with contained("openai"):
                self._wanted = _kinds(_uploaded(args[1].files))

    def attempt_answered(self, response: Any, *, streamed: bool) -> None:
        """The file has an id now."""
        if response.status_code < 300 and self._wanted is not None:
            show(self._calls, response, self._answered, streamed=streamed)

    def _answered(self, body: bytes) -> None:
        with contained("openai"):
            if self._wanted is not None and (file := text(mapping(json.loads(body)).get("id"))):
                self._calls.remembered.put(f"upload:{file}", self._wanted)


def _uploaded(files: Any) -> bytes:
    """What is in the file of a form; a stream is read and put back to where it was."""
    found = files.get("file") if isinstance(files, Mapping) else next((f for name, f in files if name == "file"), None)
    content: Any = found[1] if isinstance(found, tuple) else found
    if hasattr(content, "read"):
        at = content.tell()
        content, stream = content.read(), content
        stream.seek(at)
    return content.encode() if isinstance(content, str) else bytes(content)


def _kinds(content: bytes) -> str:
    """The requests of a file by model: each kind of worst case, and how often it is there."""
    found: dict[str, Counter[Bound]] = {}
    for line in content.splitlines():
        asked = mapping(json.loads(line)) if line.strip() else {}
        if not asked:
            continue
        body = mapping(asked.get("body"))
        to = endpoint("post", str(asked.get("url")))
        worst = Bound(None, None, passes=None) if to is None else bound(to.api, body, size(body))
        if worst.size is not None:
            worst = replace(worst, size=-(-worst.size // _COARSE) * _COARSE)
        found.setdefault(str(body.get("model") or ""), Counter())[worst] += 1
    kinds = {
        model: [astuple(replace(one, times=times)) for one, times in each.items()] for model, each in found.items()
    }
    return json.dumps(kinds, separators=(",", ":"))


class Submission(batches.Submission):
    """A batch is made of an uploaded file."""

    library: ClassVar[str] = "openai"

    def __init__(self, calls: Calls, client: Any, args: tuple[Any, ...]) -> None:
        super().__init__(calls, args)
        self._file = text(mapping(args[1].json_data).get("input_file_id"))
        self._endpoint = endpoint("post", str(mapping(args[1].json_data).get("endpoint"))) or Endpoint("chat", "chat")
        self._whom = whom(client, provider)

    def wanted(self, args: tuple[Any, ...]) -> Mapping[str | None, Sequence[Bound]]:  # noqa: ARG002  it is in the file
        """The worst cases of its requests, as far as their upload was seen."""
        seen = self._calls.remembered.peek(f"upload:{self._file}")
        if seen is None:
            return {None: [Bound(None, None, reason=_UNSEEN)]}
        kinds: dict[str, list[list[Any]]] = json.loads(seen)
        return {model or None: [Bound(*one) for one in each] for model, each in kinds.items()}

    def request(self, model: str | None) -> Request:
        """What is asked of a model."""
        return request(self._endpoint, {"model": model}, self._whom, stream=False)

    def submitted(self, body: bytes) -> str | None:
        """The id of the batch."""
        return text(mapping(json.loads(body)).get("id"))


class Look(Exchange):
    """Batches are looked at: whose results are in which file is remembered; what came to nothing is given back."""

    def __init__(self, calls: Calls, client: Any, args: tuple[Any, ...]) -> None:
        super().__init__(args)
        self._calls = calls
        self._whom = whom(client, provider)

    def attempt_answered(self, response: Any, *, streamed: bool) -> None:
        """A batch, or a list of them."""
        if response.status_code < 300:
            show(self._calls, response, self._answered, streamed=streamed)

    def _answered(self, body: bytes) -> None:
        with contained("openai"):
            found = mapping(json.loads(body))
            for one in mappings(found.get("data")) if found.get("object") == "list" else (found,):
                self._looked_at(one)

    def _looked_at(self, found: Mapping[str, Any]) -> None:
        batch, output = text(found.get("id")), text(found.get("output_file_id"))
        if batch is None or self._calls.remembered.peek(batches.key_of(batch)) is None:
            return
        for file in filter(None, (output, text(found.get("error_file_id")))):
            self._calls.remembered.put(f"file:{file}", batch)
        if output is None and found.get("status") in _OVER:
            for model, held in settled(self._calls, batch).items():
                asked = request(Endpoint("chat", "chat"), {"model": model}, self._whom, stream=False)
                release(self._calls, asked, held)


class Results(batches.Results):
    """The content of a file is read, which may be the results of a batch."""

    library: ClassVar[str] = "openai"

    def __init__(self, calls: Calls, client: Any, args: tuple[Any, ...], file: str) -> None:
        super().__init__(calls, args)
        self._file = file
        self._whom = whom(client, provider)

    @property
    def batch(self) -> str | None:
        """The id of the batch, where it was looked at under this store."""
        return self._calls.remembered.peek(f"file:{self._file}")

    def line(self, raw: bytes) -> Result | None:
        """One result. It tells by itself what it is: files are read in other processes than batches are."""
        if b'"custom_id"' not in raw:
            return None
        try:
            found = mapping(json.loads(raw))
        except ValueError:
            return None
        body = mapping(mapping(found.get("response")).get("body"))
        kind = _KINDS.get(str(body.get("object")))
        usage = read_usage(body.get("usage"))
        if kind is None or usage is None:
            return None
        name = text(found.get("id")) or f"{self._file}/{found.get('custom_id')}"
        usage = with_tools(usage, body) if kind[0] == "responses" else usage
        return Result(f"line:{name}", kind[1], text(body.get("model")) or "", usage)

    def request(self, operation: str, model: str | None) -> Request:
        """What was asked of a model."""
        api: Api = next((api for api, name in _KINDS.values() if name == operation), "chat")
        return request(Endpoint(api, operation), {"model": model}, self._whom, stream=False)
