"""Claude as Bedrock and Vertex serve it: the path names the model, and Bedrock frames streams as Amazon does."""

from __future__ import annotations

from dataclasses import replace

from provider import models
from provider.desk import Ask, Desk, Reply
from provider.framing import AWS
from provider.wire import messages

VERTEX = "/v1/projects/{project}/locations/{region}/publishers/anthropic/models/{model}"


def bedrock(ask: Ask, desk: Desk) -> Reply:
    """The reply to `POST model/NAME/invoke`. The answer names the model as Anthropic does."""
    return messages.answer(_named(ask), desk)


def bedrock_stream(ask: Ask, desk: Desk) -> Reply:
    """The reply to `POST model/NAME/invoke-with-response-stream`."""
    return replace(messages.answer(_named(replace(ask, body=ask.body | {"stream": True})), desk), framing=AWS)


def vertex(ask: Ask, desk: Desk) -> Reply:
    """The reply to `POST .../models/NAME:rawPredict`, and to `streamRawPredict`."""
    return messages.answer(_named(ask), desk)


def _named(ask: Ask) -> Ask:
    plain = ask.model.asked.rpartition("anthropic.")[2].partition("@")[0].partition("-v1:")[0]
    return replace(ask, model=replace(ask.model, dated=models.named(plain).dated))
