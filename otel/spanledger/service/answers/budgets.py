"""The answers about budgets, and what changes them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

_Text = Annotated[str, StringConstraints(max_length=1024, pattern=r"^[^\x00]*$")]
Reason = Annotated[str, StringConstraints(min_length=3, max_length=500, pattern=r"^[^\x00]*$", strip_whitespace=True)]


class Budget(BaseModel):
    """A budget as it stands for one scope value, as `spanledger budgets --format json` prints it.

    Money is decimal strings in USD with nine places; tokens and calls are numbers.
    """

    name: str
    scope_value: str = Field(description="Whose; empty for `global`.")
    window: str
    unit: Literal["USD", "tokens", "calls"]
    limit: str | int | None = Field(description="Null: it only counts.")
    spent: str | int
    held: str | int = Field(description="What calls under way may still spend.")
    remaining: str | int | None
    refused: int
    halted: bool = Field(description="It refuses everything until somebody raises, resets or resumes it.")
    projected: str | int | None = Field(description="What will have been spent at the end of the window at this rate.")


class Which(BaseModel):
    """One counter: a row of the list."""

    model_config = ConfigDict(extra="forbid")

    name: _Text = Field(examples=["run/run"])
    scope_value: _Text = Field("", description="Whose, as the list says; empty for `global`.")
    window: _Text | None = Field(None, description="As the list says; needed where the list has several.")
    reason: Reason = Field(description="Why; kept in the audit.", examples=["the customer paid for more"])


class Raise(Which):
    """A new limit for one counter. It wins over the configured one, and ends a halt."""

    to: str = Field(
        description="The new limit, in the unit of the budget: `8`, `8USD`, `9000tokens`, `50calls`.",
        max_length=64,
        examples=["8USD"],
    )


class Change(BaseModel):
    """One change by hand, in the audit."""

    at: datetime
    name: str
    scope_value: str
    window: str
    action: str
    amount: str | int | None
    reason: str
    who: str


class Changed(BaseModel):
    """A counter after a change."""

    budget: Budget
    history: list[Change] = Field(description="What was changed by hand, the latest first; a hundred at most.")
