"""Budgets in a YAML file. Its schema is the models below; `schema()` gives it to editors."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from spanledger.budget import inline
from spanledger.budget.model import BAGGAGE, DIMENSIONS, Action, Budget, Uncapped, Unit
from spanledger.budget.window import Kind, Window
from spanledger.errors import ConfigError
from spanledger.pricing.document import Document, Malformed

#: A share of the limit, as a warning may be given.
_PERCENT = "%"


def _listed(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _dimension(name: str) -> str:
    if name not in DIMENSIONS and not name.startswith(BAGGAGE):
        raise ValueError(f"{name!r} is no scope; take some of {', '.join(DIMENSIONS)}, {BAGGAGE}<key>, or leave it out")
    return name


class Row(BaseModel):
    """One budget of the file."""

    model_config = ConfigDict(extra="forbid", title="Budget")

    limit: str | None = Field(None, description="What may be spent: 5USD, 200000tokens or 50calls. None only counts.")
    scope: Annotated[list[str], BeforeValidator(_listed)] = Field(
        [], description="Whose: every value of these dimensions has a counter of its own. None is everything together."
    )
    only: dict[str, str] = Field({}, description="It counts only calls on which all of these agree.")
    window: Kind | None = Field(None, description="When: run, total, a calendar window or a rolling one.")
    timezone: str = Field("UTC", description="By whose clock calendar windows begin: Europe/Berlin.")
    name: str | None = Field(None, description="Its name; scope/window where it has none.")
    warn: Annotated[list[str], BeforeValidator(_listed)] = Field(
        [], description="When to warn: amounts such as 4USD, or shares of the limit such as 80%."
    )
    action: Action = Field("halt", description="What becomes of a call that does not fit.")
    downgrade_to: str | None = Field(None, description="The cheaper model that `action: downgrade` takes.")
    uncapped: Uncapped = Field("inject", description="What becomes of a request without a cap on its output.")
    output_cap: int | None = Field(None, ge=1, description="The largest cap that is injected, in tokens.")
    wait: float = Field(0.0, ge=0, le=600, description="Seconds to wait for room that calls under way may give back.")
    pause: float = Field(300.0, ge=0, description="Seconds that `action: pause` waits for a decision.")
    on_store_error: Literal["closed", "open"] = Field("closed", description="While the store cannot be reached.")
    abandoned: Literal["estimate", "hold"] = Field("estimate", description="What a stream given up is charged.")
    unbounded: Literal["refuse", "window"] = Field("refuse", description="Requests whose worst case nobody knows.")

    @field_validator("scope")
    @classmethod
    def _known_scope(cls, value: list[str]) -> list[str]:
        return [_dimension(name) for name in value if name != "global"]

    @field_validator("only")
    @classmethod
    def _known_only(cls, value: dict[str, str]) -> dict[str, str]:
        return {_dimension(name): wanted for name, wanted in value.items()}

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        try:
            ZoneInfo(value)
        except (ZoneInfoNotFoundError, ValueError):
            raise ValueError(f"{value!r} is no time zone; write one such as Europe/Berlin") from None
        return value

    @model_validator(mode="after")
    def _whole(self) -> Row:
        if (self.action == "downgrade") != (self.downgrade_to is not None):
            raise ValueError("action: downgrade and downgrade_to: <model> belong together")
        if self.limit is None and not self.warn:
            raise ValueError("neither limit nor warn is given; a budget needs one of them")
        self.budget()
        return self

    def budget(self) -> Budget:
        """The budget that the row means."""
        given: Unit | None
        given, limit = (None, None) if self.limit is None else _amount(self.limit)
        kind: Kind = self.window or ("run" if self.scope == ["run"] else "total")
        warns = [_warn(text, limit) for text in self.warn]
        units: list[Unit] = [one for one in (given, *(u for u, _ in warns)) if one is not None]
        unit = units[0] if units else "USD"
        if any(other not in (None, unit) for other, _ in warns):
            raise ValueError(f"warnings and limit are not all in {unit}; use one unit")
        return Budget(
            name=self.name or f"{','.join(self.scope) or 'global'}/{kind}",
            window=Window(kind, self.timezone),
            limit=limit,
            unit=unit,
            scope=tuple(self.scope),
            only=tuple(sorted(self.only.items())),
            warns=tuple(sorted({at for _, at in warns})),
            action=self.action,
            downgrade_to=self.downgrade_to,
            uncapped=self.uncapped,
            output_cap=self.output_cap,
            wait=self.wait,
            pause=self.pause,
            on_store_error=self.on_store_error,
            abandoned=self.abandoned,
            unbounded=self.unbounded,
        )


class File(BaseModel):
    """A file of budgets."""

    model_config = ConfigDict(extra="forbid", title="spanledger budgets")

    budgets: list[Row]

    @model_validator(mode="after")
    def _names_differ(self) -> File:
        names = [row.budget().name for row in self.budgets]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"two budgets are named {name}; give one of them a name of its own")
        return self


def _amount(text: str) -> tuple[Unit, int]:
    try:
        return inline.limit(text)
    except ConfigError as error:
        raise ValueError(str(error)) from None


def _warn(text: str, limit: int | None) -> tuple[Unit | None, int]:
    if not text.endswith(_PERCENT):
        return _amount(text)
    share = text.removesuffix(_PERCENT).strip()
    if limit is None or not share.isdigit():
        raise ValueError(f"{text!r} is no share of a limit; write an amount, or 80% together with a limit")
    return None, limit * int(share) // 100


def schema() -> dict[str, Any]:
    """The JSON schema of the file."""
    return File.model_json_schema()


def load(path: str) -> tuple[Budget, ...]:
    """The budgets of a file.

    Raises:
        ConfigError: naming the file, the line and the place in it, and what would be right.
    """
    try:
        document = Document(Path(path).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or "it is no UTF-8"
        raise ConfigError(
            f"{path}: cannot be read ({reason}); SPANLEDGER_BUDGETS names a YAML file, or says it all, such as run=5USD"
        ) from None
    except Malformed as error:
        raise ConfigError(f"{path}: {error}") from None
    try:
        return tuple(row.budget() for row in File.model_validate(document.value).budgets)
    except ValidationError as error:
        problems = (document.at(one["loc"], one["msg"].removeprefix("Value error, ")) for one in error.errors())
        raise ConfigError("; ".join(f"{path}: {problem}" for problem in problems)) from None
