"""What passes between the web app and the endpoints: a request, its answer, and shared memory."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from provider.books import Books
from provider.cache import PromptCache
from provider.content.compose import Said
from provider.content.talk import Talk
from provider.errors import Json
from provider.framing import SSE, Framing
from provider.limits import Limits
from provider.models import Model
from provider.settings import Settings
from provider.shelf import Shelf
from provider.usage import Tokens
from provider.wishes import Wish


@dataclass(frozen=True)
class Ask:
    """One request that is going to be answered."""

    body: Json
    model: Model
    wish: Wish
    account: str
    """A fingerprint of the API key: whose prompt cache and whose bill it is."""
    id: str
    """Hexadecimal; the same for the same request to a provider started anew."""
    created: int
    azure: bool = False
    files: Mapping[str, bytes] = field(default_factory=dict)
    """What a form brought along, by the name of the field."""


@dataclass(frozen=True)
class Reply:
    """The answer to a request."""

    body: Json
    """The whole answer."""
    usage: Tokens | None = None
    """What it is billed; None where the endpoint is free."""
    events: Iterable[Json] | None = None
    """The same answer as a stream, if the request asked for one."""
    framing: Framing = SSE
    """How each of them goes over the wire."""
    closing: bool = False
    """Whether the stream ends with `[DONE]`."""


@dataclass
class Batch:
    """Many requests at once, answered one after the other. It is done when it is looked at for the first time."""

    id: str
    created: int
    results: list[Json]
    done: bool = False


@dataclass
class File:
    """An uploaded file, or one with results; `lines` are the JSON documents in it."""

    id: str
    created: int
    purpose: str
    size: int
    lines: list[Json]


@dataclass
class Job:
    """A batch whose requests and results are in files. `output` and `errors` are the ids of these."""

    id: str
    created: int
    endpoint: str
    input: str
    output: str | None = None
    errors: str | None = None
    count: int = 0
    cancelled: bool = False


@dataclass
class Desk:
    """The memory of one running provider. It is used from one event loop only."""

    settings: Settings
    books: Books = field(default_factory=Books)
    cache: PromptCache = field(default_factory=PromptCache)
    shelf: Shelf = field(default_factory=Shelf)
    batches: dict[str, Batch] = field(default_factory=dict)
    files: dict[str, File] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    faulted: Counter[str] = field(default_factory=Counter)
    _asked: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        """Set up what depends on the settings."""
        self.limits = Limits(self.settings.requests_per_minute, self.settings.tokens_per_minute, self.settings.clock)

    def identity(self, raw: bytes) -> str:
        """An id for a request: it depends on the body and on how often that body came before, not on time."""
        digest = hashlib.sha256(raw).hexdigest()
        self._asked[digest] += 1
        return hashlib.sha256(f"{digest}:{self._asked[digest]}".encode()).hexdigest()[:32]

    def meter(self, ask: Ask, talk: Talk, said: Iterable[Said]) -> Tokens:
        """The tokens of these answers to that conversation: counted, or as the request wished."""
        answers = list(said)
        known = self.cache.read(f"{ask.account}:{ask.model.asked}", talk.flat)
        size = talk.size if ask.wish.input is None else ask.wish.input
        cached = known if ask.wish.cached is None else ask.wish.cached
        return Tokens(
            input=size,
            cached=min(cached, size),
            output=sum(answer.tokens for answer in answers),
            reasoning=sum(answer.reasoning for answer in answers),
        )
