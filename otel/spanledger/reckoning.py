"""What a call says of itself on its span, and what an answer cost."""

from __future__ import annotations

import random
import time
from dataclasses import replace
from typing import Any

from spanledger import scope
from spanledger.errors import BudgetExceeded, Refused
from spanledger.guard import Ended
from spanledger.messages import Answer, Request
from spanledger.money import NANO
from spanledger.pricing import Price, PriceBook
from spanledger.semconv import names
from spanledger.usage import Usage


def start_attributes(request: Request, payer: scope.Scope) -> dict[str, Any]:
    """What a call's span says from its start, so that samplers see it."""
    attributes: dict[str, Any] = {
        names.GEN_AI_OPERATION_NAME: request.operation,
        names.GEN_AI_PROVIDER_NAME: request.provider,
        names.SPANLEDGER_CALL_ID: f"{time.time_ns():016x}{random.getrandbits(64):016x}",
        names.SPANLEDGER_STAGE: scope.UNATTRIBUTED,
        names.SPANLEDGER_TENANT_ID: scope.UNATTRIBUTED,
        **scope.attributes_of(payer),
        **request.attributes,
    }
    if request.model:
        attributes[names.GEN_AI_REQUEST_MODEL] = request.model
    if request.server_address:
        attributes[names.SERVER_ADDRESS] = request.server_address
    if request.server_port is not None:
        attributes[names.SERVER_PORT] = request.server_port
    if request.stream:
        attributes[names.GEN_AI_REQUEST_STREAM] = True
    return attributes


def believable(book: PriceBook, request: Request, answer: Answer) -> Answer:
    """The answer, with an estimate for a usage that its model's context window has no room for."""
    usage = answer.usage
    model = answer.model or request.model
    if usage is None or answer.instead is None or model is None or request.operation == "embeddings":
        return answer
    window = book.limits(request.provider, model).context
    if usage.estimated or usage.web_searches or usage.units or not usage.checked().exceeds(window):
        return answer
    guess = answer.instead()
    if guess is None:
        return answer
    return replace(answer, usage=replace(guess, suspect=True, reported_nano_usd=usage.reported_nano_usd))


def price_of(book: PriceBook, request: Request, usage: Usage, answer: Answer) -> Price | None:
    """What an answer cost, None if nobody knows: by the model that answered, or else by the one that was asked."""
    if not answer.parts:
        return _price(book, request, usage, answer)
    prices = [price for part in answer.parts if (price := _price(book, request, part, answer)) is not None]
    if len(prices) < len(answer.parts):
        return None
    missing = tuple(sorted({name for price in prices for name in price.missing}))
    return Price(sum(price.nano_usd for price in prices), prices[0].version, prices[0].source, missing)


def _price(book: PriceBook, request: Request, usage: Usage, answer: Answer) -> Price | None:
    model = answer.model or request.model
    if model is None:
        return None
    tier = answer.tier or request.tier
    price = book.price(usage, provider=request.provider, model=model, tier=tier)
    if price is None and request.model and request.model != model:
        price = book.price(usage, provider=request.provider, model=request.model, tier=tier)
    return price


def error_attributes(error: BaseException, error_type: str) -> dict[str, Any]:
    """An error as span attributes."""
    found: dict[str, Any] = {names.ERROR_TYPE: error_type}
    status = getattr(error, "status_code", None)
    if isinstance(status, int):
        found[names.HTTP_RESPONSE_STATUS_CODE] = status
    if isinstance(error, (BudgetExceeded, Refused)):
        found[names.SPANLEDGER_BUDGET_NAME] = error.refusal.budget
        found[names.SPANLEDGER_BUDGET_KIND] = error.refusal.kind
    return found


def lost_attributes(number: int, duration: float, ended: Ended | None) -> dict[str, Any]:
    """An attempt without an answer that was perhaps billed, as attributes of its event; `duration` is seconds."""
    found: dict[str, Any] = {
        names.SPANLEDGER_ATTEMPT_NUMBER: number,
        names.SPANLEDGER_ATTEMPT_DURATION: duration,
    }
    if ended is not None:
        found.update(ended.attributes())
        if ended.nano_usd is not None:
            found[names.SPANLEDGER_BUDGET_CHARGED] = ended.nano_usd / NANO
    return found


def first_line(error: BaseException) -> str:
    """What an error says, as the description of a status."""
    return str(error).partition("\n")[0][:200]
