"""Why a call cost what it cost: what it used, at which price."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from spanledger.ledger.exchange import usage_of_row
from spanledger.ledger.questions.results import Call
from spanledger.money import NANO
from spanledger.pricing import PriceBook
from spanledger.pricing.bill import Bill, Line, itemised
from spanledger.pricing.rates import TOKEN_KINDS


@dataclass(frozen=True, slots=True)
class Why:
    """The bill of a call, by the prices of `version`; without one `note` alone says why."""

    note: str
    bill: Bill | None = None
    version: str = ""


_UNUSED = "Nothing was used that has a price."
_TOLD = "The provider said itself what the call cost; spanledger takes its word and adds nothing up."
_UNKNOWN = (
    "Nobody knows the price of this model, so the cost is unknown, not 0. Give its price in the file SPANLEDGER_PRICES "
    "and run: spanledger reprice"
)
_EQUAL = "These lines come to what the call cost, rounded up once to a whole nano-USD."
_OTHER = (
    "The prices that hold now come to another amount than the one in the ledger, which was reckoned by other prices "
    "or from parts of the call; spanledger reprice shows what would change."
)


def why(book: PriceBook, call: Call) -> Why:
    """The lines of a call, by the model that answered, or else by the one that was asked, at the time of the call."""
    if not call.used or call.price_status == "none":
        return Why(_UNUSED)
    if call.cost_source == "provider":
        return Why(_TOLD)
    at = datetime.fromtimestamp(call.ended / NANO, UTC)
    usage = usage_of_row(call.row).checked()
    for model in filter(None, (call.response_model, call.request_model)):
        tariff = book.tariff(call.provider, model, call.tier)
        rates = tariff.at(at) if tariff else None
        bill = itemised(rates, usage) if rates and usage.plausible else None
        if tariff and bill:
            return Why(_EQUAL if bill.nano == call.cost else _OTHER, bill, tariff.version)
    return Why(_UNKNOWN if call.cost is None else _OTHER)


def rate(line: Line) -> str:
    """The price of a line in USD: of a million tokens, or of one use of anything else."""
    if line.kind in TOKEN_KINDS:
        return f"${line.rate / 10**6:,.6g} / 1M"
    return f"${line.rate / 10**12:,.6g} each" if line.per == 1 else f"${line.rate / 10**12:,.6g} / {line.per:,}"
