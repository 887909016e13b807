"""Sends a recorded request again, through the real client and in the way in which it was sent."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import anthropic
import httpx2
import openai

from conformance.cases import Case, Json

_DEPLOYMENT = re.compile(r"/deployments/([^/?]+)/")
_RETRIEVED = re.compile(r"/responses/([^/?]+)")


@dataclass(frozen=True)
class Style:
    """How a client was used: `method` is `create`, `parse` or `stream`."""

    later: bool
    raw: bool
    method: str
    beta: bool

    @property
    def words(self) -> list[str]:
        """As strata name it."""
        said = {"async client": self.later, "raw response": self.raw, "beta": self.beta}
        return [word for word, true in said.items() if true] + [f".{self.method}()"] * (self.method != "create")


def style_of(case: Case) -> Style:
    """By the headers in which the clients tell it."""
    told = case.request.headers
    helper = f"{told.get('x-stainless-helper', '')} {told.get('x-stainless-helper-method', '')}"
    streams = "stream" in helper or "x-stainless-stream-helper" in told
    later = told.get("x-stainless-async", "false").startswith(("async", "true"))
    method = "stream" if streams else "parse" if "parse" in helper and not case.request.streams else "create"
    return Style(
        later or told.get("user-agent", "").startswith("Async"),
        told.get("x-stainless-raw-response") == "true",
        method,
        "beta=true" in case.request.path,
    )


@dataclass(frozen=True)
class Asking:
    """A client, and the call that is made with it."""

    client: Any
    call: Callable[..., Any]
    arguments: Json


def asking(case: Case, base: str, http: httpx2.Client | httpx2.AsyncClient) -> Asking:
    """Prepare a call; `http` is of the kind that the style of the case needs."""
    style = style_of(case)
    if case.provider == "anthropic":
        return _anthropic(case, style, base, http)
    client = _openai_client(case, style, base, http)
    body = _with_model(case)
    owner, method = _target(client, case, style)
    if method in ("parse", "stream"):
        body.pop("stream", None)  # the method says it itself
    arguments = _arguments(getattr(owner, method), body)
    if case.endpoint == "responses.retrieve":
        found = _RETRIEVED.search(case.request.path)
        arguments = {"response_id": found[1] if found else "resp_unknown"}
        arguments |= {"stream": True} if case.request.streams else {}
    owner = owner.with_raw_response if style.raw else owner
    return Asking(client, getattr(owner, method), arguments)


def _openai_client(case: Case, style: Style, base: str, http: Any) -> Any:
    common: Json = {"api_key": "sk-replayed", "max_retries": 0, "http_client": http}
    if case.provider == "azure" and "/deployments/" in case.request.path:
        azure = openai.AsyncAzureOpenAI if style.later else openai.AzureOpenAI
        return azure(azure_endpoint=base, api_version="2024-10-21", **common)
    plain = openai.AsyncOpenAI if style.later else openai.OpenAI
    return plain(base_url=f"{base}/v1", **common)


def _target(client: Any, case: Case, style: Style) -> tuple[Any, str]:
    """The resource and the name of its method."""
    owners = {
        "chat.completions": client.chat.completions,
        "completions": client.completions,
        "embeddings": client.embeddings,
        "moderations": client.moderations,
        "responses.input_tokens": client.responses.input_tokens,
    }
    methods = {"responses.compact": "compact", "responses.input_tokens": "count", "responses.retrieve": "retrieve"}
    helped = style.method if case.endpoint in ("chat.completions", "responses") else "create"
    return owners.get(case.endpoint, client.responses), methods.get(case.endpoint, helped)


def _with_model(case: Case) -> Json:
    """The body. With Azure's deployments the model stands in the path alone, but the client's methods ask for it."""
    body = dict(case.request.body or {})
    if "model" not in body and case.creates:
        found = _DEPLOYMENT.search(case.request.path)
        body["model"] = found[1] if found else "unknown"
    if case.endpoint == "embeddings" and body.get("encoding_format") == "base64":
        del body["encoding_format"]  # the client asks for it by itself
    return body


def _arguments(method: Callable[..., Any], body: Json) -> Json:
    """A body as arguments; what the method has no name for goes along as it is."""
    known = inspect.signature(method).parameters
    named = {key: value for key, value in body.items() if key in known}
    extra = {key: value for key, value in body.items() if key not in known}
    return {**named, "extra_body": extra} if extra else named


def _anthropic(case: Case, style: Style, base: str, http: Any) -> Asking:
    kind = anthropic.AsyncAnthropic if style.later else anthropic.Anthropic
    client: Any = kind(api_key="sk-replayed", base_url=base, max_retries=0, http_client=http)
    owner = client.beta.messages if style.beta else client.messages
    method = "count_tokens" if case.endpoint == "messages.count_tokens" else style.method
    body = dict(case.request.body or {})
    if method != "create":
        body.pop("stream", None)
    schema = {"output_format": body.pop("output_format")} if "output_format" in body else {}
    arguments = _arguments(getattr(owner, method), body)
    if schema:  # the methods take a class there; recorded is the schema that was made of it
        arguments["extra_body"] = {**arguments.get("extra_body", {}), **schema}
    if style.beta and (betas := case.request.headers.get("anthropic-beta")):
        arguments["betas"] = betas.split(",")
    owner = owner.with_raw_response if style.raw else owner
    return Asking(client, getattr(owner, method), arguments)
