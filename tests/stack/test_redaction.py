"""What of a secret reaches Jaeger: nothing; and what of everything else: all of it."""

import json
import uuid
from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode, Tracer
from tests.stack.clients import Jaeger, Send

pytestmark = pytest.mark.xdist_group("stack")

SECRETS = {
    "OpenAI": "sk-proj-a1B2c3D4e5F6g7H8",
    "Anthropic": "sk-ant-api03-a1B2c3D4e5F6",
    "bearer token": "Bearer a1B2c3D4e5F6g7H8.i9J0",
    "JSON web token": "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.dBjftJeZ4CVPmB92K27uhbUJU1p1r",
    "AWS": "AKIA" + "A1B2C3D4E5F6G7H8",
    "Google": "AIza" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R",
    "GitHub": "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "Slack": "xoxb-123456789012-a1B2c3D4e5F6",
    "Hugging Face": "hf_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6",
    "private key": "-----BEGIN RSA PRIVATE KEY-----\na1B2c3D4\ne5F6g7H8\n-----END RSA PRIVATE KEY-----",
    "URL": "https://user:a1B2c3D4@db.internal/x",
    "e-mail address": "a1B2c3D4.e5F6@example.com",
}


@pytest.fixture(scope="session")
def redacted(send: Send, jaeger: Jaeger) -> dict[str, dict[str, Any]]:
    """One span per kind of secret, which stands in every place where a span can hold text, as Jaeger has it."""

    def write(tracer: Tracer) -> None:
        for name, secret in SECRETS.items():
            text = f"before {secret} after"
            span = tracer.start_span(name, attributes={"text": text, "list": ["first", text], "plain": "as it was"})
            span.add_event("exception", {"exception.message": text})
            span.set_status(StatusCode.ERROR, text)
            span.end()

    service = f"app-{uuid.uuid4().hex[:12]}"
    send(service, write, resource={"deployment.owner": SECRETS["e-mail address"]})
    return {span["name"]: span for span in jaeger.spans(service, count=len(SECRETS))}


@pytest.mark.parametrize("kind", SECRETS)
def test_a_secret_is_masked_wherever_a_span_holds_text_and_the_text_around_it_stays(
    redacted: dict[str, dict[str, Any]], kind: str
) -> None:
    span = redacted[kind]

    assert "a1B2c3D4" not in json.dumps(span)
    assert "dBjftJeZ4CVPmB92K27uhbUJU1p1r" not in json.dumps(span)
    for text in (span["attributes"]["text"], span["status"]["message"]):
        assert text.startswith("before ")
        assert "****" in text
        assert text.endswith(" after")
    assert json.loads(span["attributes"]["list"])[0] == "first"
    assert span["attributes"]["plain"] == "as it was"
    assert span["resource"]["deployment.owner"] == "****"


def test_values_of_keys_that_name_a_secret_are_masked_whatever_they_look_like(
    send: Send, jaeger: Jaeger, service: str
) -> None:
    keys = [
        "http.request.header.authorization", "api_key", "openai.api-key", "OPENAI_API_KEY", "password", "db.passwd",
        "client_secret", "aws.secret", "http.request.header.cookie", "access_token", "session-token", "private_key",
    ]  # fmt: skip
    send(service, lambda tracer: tracer.start_span("chat", attributes=dict.fromkeys(keys, "hush")).end())

    [span] = jaeger.spans(service)
    assert {key: span["attributes"][key] for key in keys} == dict.fromkeys(keys, "****")


def test_numbers_of_usage_and_money_and_ordinary_ids_pass_untouched(send: Send, jaeger: Jaeger, service: str) -> None:
    numbers: dict[str, str | float] = {
        "gen_ai.usage.input_tokens": "1234567890123456",
        "gen_ai.usage.accepted_prediction_tokens": "4111111111111111",
        "gen_ai.usage.cost.amount": 0.4111111111111111,
        "spanledger.cost.subtree": 1e-09,
        "spanledger.usage.estimated": False,
    }
    texts = {
        "spanledger.call.id": "0192f3c4a7b87c1d8e5f6a7b8c9d0e1f",
        "messaging.message.id": "task-0192f3c4a7b87c1d8e5f",
        "gen_ai.response.id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "server.address": "api.openai.com",
        "url.full": "https://api.openai.com:443/v1/chat/completions?at=@noon",
    }
    sent = {key: int(value) if isinstance(value, str) else value for key, value in numbers.items()}

    def write(tracer: Tracer) -> None:
        span = tracer.start_span("chat", kind=SpanKind.CLIENT, attributes=sent)
        span.set_attributes(texts)
        span.end()

    send(service, write)

    [span] = jaeger.spans(service)
    assert {key: span["attributes"][key] for key in numbers} == numbers
    assert {key: span["attributes"][key] for key in texts} == texts
