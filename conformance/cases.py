"""What was recorded and what is right: one `Case` for every call.

A folder holds either `corpus.jsonl` and `oracle.jsonl` (a recording and what is right of it, one JSON object a line,
under the same id), or YAML files, for sets that are written by hand: lists of the same objects, with the one about what
is right under `oracle`. There a body may be a document instead of its text, and `events` the documents of a stream.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml

Json = dict[str, Any]
HANDMADE = Path(__file__).with_name("handmade")

#: Calls that make a model work. Looking up, counting and moderating do not.
CREATING = frozenset({"chat.completions", "completions", "responses", "responses.compact", "embeddings", "messages"})
#: What the clients of OpenAI and of Anthropic can send.
OPENAI = frozenset({*CREATING - {"messages"}, "responses.retrieve", "responses.input_tokens", "moderations"})
ANTHROPIC = frozenset({"messages", "messages.count_tokens"})
#: Providers whose APIs are their own; all others are asked through OpenAI's client.
FOREIGN = frozenset({"google", "google_vertex", "aws_bedrock", "cohere"})


@dataclass(frozen=True)
class Tokens:
    """The usage of a call, inclusive: the other three are parts of input and output."""

    input: int
    output: int
    cached_input: int = 0
    cache_write: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Request:
    """What was sent. `headers` are those of the client that say how it was used."""

    method: str
    path: str
    body: Json | None
    headers: Mapping[str, str]

    @property
    def streams(self) -> bool:
        """Whether an event stream was asked for."""
        return bool((self.body or {}).get("stream")) or "stream=true" in self.path


@dataclass(frozen=True)
class Response:
    """What came back, to the byte."""

    status: int
    headers: Mapping[str, str]
    stream: bool
    body: bytes


@dataclass(frozen=True)
class Expected:
    """What is right. Tokens and cost are asked unless they are said to be uncertain (`hard_tokens`, `hard_cost`)."""

    kind: str
    """`usage`, `no_usage` (the provider told none), `error`, `retrieve` (asked for again), `free`."""
    tokens: Tokens | None = None
    cost: float | None = None
    worth: float = 0.0
    """The most that any price table makes of it, in USD: a call that is worth something must not cost 0."""
    hard_tokens: bool = False
    hard_cost: bool = False
    attributes: Mapping[str, Any] = field(default_factory=dict)
    """What else the metered span must say."""


@dataclass(frozen=True)
class Case:
    """One call."""

    id: str
    provider: str
    endpoint: str
    request: Request
    response: Response
    features: tuple[str, ...]
    expected: Expected

    @property
    def creates(self) -> bool:
        """Whether the call makes a model work."""
        return self.endpoint in CREATING

    @property
    def cost_is_known(self) -> bool:
        """Whether its cost is certain and can be told from a loopback address, which does not show the provider."""
        known = (
            self.provider in ("openai", "azure", "anthropic") or "gen_ai.usage.cost.source" in self.expected.attributes
        )
        return self.expected.hard_tokens and self.expected.hard_cost and known

    @property
    def sendable(self) -> bool:
        """Whether one of the two clients can send it."""
        if self.provider == "anthropic":
            return self.endpoint in ANTHROPIC and self.request.body is not None
        known = self.provider not in FOREIGN and self.endpoint in OPENAI
        return known and (self.request.body is not None or self.endpoint == "responses.retrieve")


def load(folder: Path) -> list[Case]:
    """The cases of a folder that can be sent, in their order.

    Raises:
        OSError: The folder or one of its files cannot be read.
        KeyError: A case lacks something, or nothing is known about what is right of it.
    """
    return [case for record, oracle in records(folder) if (case := _case(record, oracle)).sendable]


def records(folder: Path) -> Iterator[tuple[Json, Json]]:
    """What a folder holds, as it stands there: recordings, each with what is right of it."""
    if (recorded := folder / "corpus.jsonl").exists():
        right = {oracle["id"]: oracle for oracle in _lines(folder / "oracle.jsonl")}
        yield from ((record, right[record["id"]]) for record in _lines(recorded))
        return
    files = sorted(folder.glob("*.yaml"))
    if not files:
        message = f"{folder} holds neither corpus.jsonl nor YAML files"
        raise FileNotFoundError(message)
    for file in files:
        for record in yaml.load(file.read_text(), _Loader):  # noqa: S506  it is the safe one
            yield record, record["oracle"]


#: Ten times as fast where PyYAML was built with libyaml.
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _lines(path: Path) -> Iterator[Json]:
    with path.open() as file:
        for line in file:
            yield json.loads(line)


def _case(record: Json, oracle: Json) -> Case:
    asked, answered = record["request"], record["response"]
    headers = {name.lower(): str(value) for name, value in (asked.get("client") or {}).items()}
    request = Request(asked.get("method", "POST"), asked["path"], asked.get("body"), headers)
    streamed = bool(answered.get("stream", "events" in answered))
    response = Response(answered["status"], answered.get("headers") or {}, streamed, _body(answered))
    features = tuple(record.get("features") or ())
    return Case(str(record["id"]), record["provider"], record["endpoint"], request, response, features, _right(oracle))


def _right(oracle: Json) -> Expected:
    told = oracle.get("expect_tokens")
    named = {item.name for item in fields(Tokens)}
    tokens = Tokens(**{name: count or 0 for name, count in told.items() if name in named}) if told else None
    prices = [oracle.get(name) or 0.0 for name in ("expect_cost_usd", "genai_prices_usd", "litellm_usd")]
    return Expected(
        oracle["kind"],
        tokens,
        oracle.get("expect_cost_usd"),
        max(prices),
        bool(oracle.get("hard_tokens", True)),
        bool(oracle.get("hard_cost", True)),
        oracle.get("expect_attributes") or {},
    )


def _body(answered: Json) -> bytes:
    if "body_b64" in answered:
        return base64.b64decode(answered["body_b64"])
    if "events" in answered:
        return b"".join(map(_event, answered["events"]))
    body = answered.get("body") or ""
    return (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()


def _event(document: Json | str) -> bytes:
    """One server-sent event. Those of the Responses and the Messages API are named by their type."""
    if isinstance(document, str):
        return f"data: {document}\n\n".encode()
    name = f"event: {document['type']}\n" if "type" in document else ""
    return f"{name}data: {json.dumps(document, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


def read_ids(path: Path) -> set[str]:
    """Ids, as a JSON list or separated by white space or commas."""
    text = path.read_text()
    return (
        {str(found) for found in json.loads(text)} if text.lstrip().startswith("[") else set(re.split(r"[\s,]+", text))
    )
