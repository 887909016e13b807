"""Which entry of a price table a provider and a model name mean.

Tables match names by patterns, and patterns are looser than the truth: `gpt-5-nano-` would also take a
`gpt-5-nano-ultra` that costs ten times as much. So a pattern of a table proposes, and `stem` disposes: a name only
means an entry that is spelled like it once dates, versions and regions are taken off both.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import date

#: Longer names are nobody's model; they are not looked up, and not kept.
LONGEST = 256

#: Folded names of providers that do not fold to an id of the table themselves: OpenTelemetry's well-known values of
#: `gen_ai.provider.name` and `gen_ai.system`, then what instrumentations and litellm write.
PROVIDERS = {
    "azureaiopenai": "azure",
    "azureaiinference": "azure",
    "azaiopenai": "azure",
    "azaiinference": "azure",
    "azureopenai": "azure",
    "azureai": "azure",
    "awsbedrock": "aws",
    "amazonbedrock": "aws",
    "bedrock": "aws",
    "bedrockconverse": "aws",
    "bedrockmantle": "aws",
    "amazon": "aws",
    "gcpgemini": "google",
    "gcpgenai": "google",
    "gcpvertexai": "google",
    "gemini": "google",
    "googleai": "google",
    "googlegemini": "google",
    "googlegenai": "google",
    "googlevertex": "google",
    "googlevertexai": "google",
    "vertexai": "google",
    "vertex": "google",
    "mistralai": "mistral",
    "moonshot": "moonshotai",
    "togetherai": "together",
    "fireworksai": "fireworks",
    "perplexityai": "perplexity",
    "voyage": "voyageai",
    "cohereai": "cohere",
    "githubcopilot": "github-copilot",
}

#: "Providers" that only pass calls on: with them the prefix of the model name says who is asked.
GATEWAYS = frozenset({"", "litellm", "litellmproxy"})

_SEPARATORS = re.compile(r"[^a-z0-9]+")
_ROUTE = re.compile(r"^(?:arn:aws[^/]*/|(?:.*/)?models/|(?:converse|invoke)/)")
_FINE_TUNED = re.compile(r"^(ft:[^:]+):.*$|^(.*\.ft-).*$")
_DATE = re.compile(r"[-@](20\d{2})(-?)(\d{2})\2(\d{2})$")
_REGION = re.compile(r"^(?:[a-z][a-z-]*\.)+")
_DECORATION = re.compile(
    r"(?:[-@]20\d{2}-?\d{2}-?\d{2}|-\d{2}-(?:\d{2}|20\d{2})|-\d{3,4}|@[a-z0-9-]+|-v\d+|:\d+k?|-(?:latest|preview|exp))$"
)


def fold(provider: str) -> str:
    """A provider's name without case and separators: `x_ai`, `xAI` and `x-ai` are one."""
    return _SEPARATORS.sub("", provider.lower())


def provider_id(provider: str, known: Mapping[str, str]) -> str | None:
    """The table's id of a provider; `known` maps its folded ids to themselves. None if the table has none."""
    folded = fold(provider)
    return known.get(folded) or known.get(PROVIDERS.get(folded, ""))


def candidates(provider: str, model: str, known: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """What may be meant, most literal first: (provider id, name as a table may spell it).

    A prefix is taken off where it names a provider (`azure/gpt-4o`) or is a path (`models/gemini-2.5-pro`, an ARN),
    never where it is anybody's name: `unsloth/gpt-oss-20b` is not what OpenAI serves. It says who is asked where the
    provider is a gateway, or an OpenAI client, which may well point at one.
    """
    own, name = provider_id(provider, known), model.strip().lower()
    if len(name) > LONGEST or not (own or fold(provider) in GATEWAYS):
        return
    if own:
        yield own, name
    bare = _ROUTE.sub("", name)
    if own and bare != name:
        yield own, bare
    head, slash, rest = bare.partition("/")
    named = provider_id(head, known) if slash else None
    if named and (own is None or (own == "openai" and named != own)):
        yield named, rest
        yield named, _ROUTE.sub("", rest)
    elif named and own:
        yield own, rest
        yield own, _ROUTE.sub("", rest)


def spellings(name: str) -> Iterator[str]:
    """One name as tables may have it: as it is, with its date in dashes, without its date.

    A date that no table lists is a later snapshot of a known model. The owner and id of a fine-tuned model are taken
    off, the `ft:` is not: those have prices of their own.
    """
    name = _FINE_TUNED.sub(lambda found: found[1] or found[2], name)
    yield name
    if found := _DATE.search(name):
        try:
            day = date(int(found[1]), int(found[3]), int(found[4]))
        except ValueError:
            return
        base = name[: found.start()]
        yield f"{base}-{day.isoformat()}"
        yield base


def stem(name: str) -> str:
    """A name without path, region, vendor, date and version: what two names of one model have in common."""
    name = _REGION.sub("", name.lower().rpartition("/")[2]).rstrip("-@:.")
    while (shorter := _DECORATION.sub("", name)) != name:
        name = shorter
    return name
