"""Budgets for each API key: a key is told by its fingerprint, whatever library sends it."""

from __future__ import annotations

import hashlib
from types import SimpleNamespace

import anthropic
import httpx2
import openai
import pytest
from tests.support import claude
from tests.support.asking import COST, MODEL, said
from tests.support.budgeted import books, budgeted_everywhere

from provider import Provider
from spanledger import BudgetExceeded
from spanledger.budget.store import Counter, Figures
from spanledger.scope import UNATTRIBUTED
from spanledger_instrumentation.clients.keys import fingerprint, given, secret_of

NANO = 10**9
CHAT = {"model": MODEL, "messages": said(), "max_tokens": 100}


def of(key: str) -> Counter:
    """The counter of a key, whose name is the beginning of its digest."""
    return Counter("key/total", hashlib.sha256(key.encode()).hexdigest()[:16], "total")


def client_of(provider: Provider, key: str) -> openai.OpenAI:
    return openai.OpenAI(base_url=provider.base_url, api_key=key, max_retries=0)


def test_a_budget_holds_for_each_key_by_itself(provider: Provider, key: str) -> None:
    with budgeted_everywhere("key=0.0001USD") as made:
        spendthrift, other = client_of(provider, key), client_of(provider, f"{key}-other")
        spendthrift.chat.completions.create(model=MODEL, messages=said(), max_tokens=100)
        with pytest.raises(BudgetExceeded, match=r"key/total of [0-9a-f]{16} refused") as refused:
            spendthrift.chat.completions.create(model=MODEL, messages=said(), max_tokens=100)
        assert refused.value.scope_value == of(key).value
        other.chat.completions.create(model=MODEL, messages=said(), max_tokens=100)
        assert books(made, of(f"{key}-other")) == Figures(committed=round(COST * NANO))


def test_one_key_is_one_whoever_sends_it(provider: Provider, key: str) -> None:
    with budgeted_everywhere("key=1USD") as made:
        client_of(provider, key).chat.completions.create(model=MODEL, messages=said(), max_tokens=100)
        httpx2.post(f"{provider.base_url}/chat/completions", json=CHAT, headers={"Authorization": f"Bearer {key}"})
        messages = anthropic.Anthropic(base_url=provider.base_url.removesuffix("/v1"), api_key=key, max_retries=0)
        messages.messages.create(model=claude.MODEL, messages=claude.said(), max_tokens=100)
        assert books(made, of(key)) == Figures(committed=2 * round(COST * NANO) + 169_500)


def test_the_key_in_the_headers_of_a_request_goes_before_that_of_its_client(provider: Provider, key: str) -> None:
    with budgeted_everywhere("key=1USD") as made:
        client_of(provider, "sk-of-the-client").chat.completions.create(
            model=MODEL, messages=said(), max_tokens=100, extra_headers={"Authorization": f"Bearer {key}"}
        )
        assert books(made, of(key)) == Figures(committed=round(COST * NANO))
        assert books(made, of("sk-of-the-client")) == Figures()


def test_a_client_that_is_given_another_key_is_charged_to_that(provider: Provider, key: str) -> None:
    client = client_of(provider, key)
    with budgeted_everywhere("key=1USD") as made:
        client.chat.completions.create(model=MODEL, messages=said(), max_tokens=100)
        client.api_key = f"{key}-other"
        client.chat.completions.create(model=MODEL, messages=said(), max_tokens=100)
        assert books(made, of(key)) == books(made, of(f"{key}-other")) == Figures(committed=round(COST * NANO))


def test_a_key_that_a_function_hands_out_counts_as_nobodys(provider: Provider, key: str) -> None:
    client = openai.OpenAI(base_url=provider.base_url, api_key=lambda: key, max_retries=0)
    with budgeted_everywhere("key=1USD") as made:
        for _ in range(2):
            client.chat.completions.create(model=MODEL, messages=said(), max_tokens=100)
        unattributed = Counter("key/total", UNATTRIBUTED, "total")
        assert books(made, unattributed) == Figures(committed=2 * round(COST * NANO))


@pytest.mark.parametrize("none", ["", "eyJhbGciOi.J9.c2ln", "ya29.pass", "AWS4-HMAC-SHA256 x", "<missing API key>"])
def test_what_changes_while_its_user_stays_the_same_has_no_fingerprint(none: str) -> None:
    assert fingerprint(none) is None


def test_a_fingerprint_does_not_hold_the_key() -> None:
    found = fingerprint("sk-proj-0123456789")
    assert found is not None
    assert len(found) == 16
    assert not any(piece in found for piece in ("sk-", "proj", "0123456789"))


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({"Authorization": "Bearer sk-1"}, "sk-1"),
        ({"AUTHORIZATION": "bearer  sk-1 "}, "sk-1"),
        ({"X-Api-Key": "sk-2"}, "sk-2"),
        ({"api-key": "of-azure"}, "of-azure"),
        ({"x-goog-api-key": "of-google"}, "of-google"),
        ({"X-Stainless-Raw-Response": "true", "authorization": object()}, None),
    ],
)
def test_keys_are_read_where_providers_take_them(headers: dict[str, object], found: str | None) -> None:
    assert given(headers) == found


def test_a_client_may_have_a_token_in_the_place_of_a_key() -> None:
    assert secret_of(SimpleNamespace(api_key=None, auth_token="sk-ant-1")) == "sk-ant-1"
    assert secret_of(SimpleNamespace(api_key=None)) is None
