"""The settings: one table, from which the environment is read and `docs/settings.md` is written.

An app that is started with a bad value goes on with the default and one warning; a command of ours stops with a
`ConfigError` instead. Both say which setting, which value, and what would be right.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from spanledger.config import parsing
from spanledger.config.parsing import Parse
from spanledger.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of the table: environment variable, field of `Settings`, parser, and what it means."""

    env: str
    field: str
    parse: Parse
    doc: str


TABLE = (
    Setting(
        "SPANLEDGER_BUDGETS",
        "budgets",
        parsing.text,
        "Budgets: path of a YAML file, or inline such as `run=5USD;tenant/day=10USD`.",
    ),
    Setting(
        "SPANLEDGER_STORE",
        "store",
        parsing.text,
        "Where budgets are kept: `auto`, `memory:`, `sqlite:///path` or `redis://host`.",
    ),
    Setting(
        "SPANLEDGER_DATABASE_URL",
        "database_url",
        parsing.text,
        "Call ledger: `sqlite:///path`, `postgresql://host/database` or `off`; by default a file beside the store's.",
    ),
    Setting(
        "SPANLEDGER_RETENTION",
        "retention",
        parsing.retention,
        "Days that the call ledger keeps things, such as `calls=90,cache_events=30`: `calls`, `runs`, `cache_events`, "
        "`scores`, and sums by `minutes`, `hours`, `days`, the shorter no longer than the longer; `forever` instead of "
        "days. Usually 400, caches 90, sums by day forever.",
    ),
    Setting(
        "SPANLEDGER_PRICES",
        "prices",
        parsing.text,
        "YAML file with prices of your own: contract prices, discounts, aliases, self-hosted models (docs/cost.md). If "
        "it cannot be used, nothing is priced.",
    ),
    Setting(
        "SPANLEDGER_CAPTURE_CONTENT",
        "capture_content",
        parsing.one_of("off", "span", "archive"),
        "Whether prompts and answers are kept: `off` or `span`; `archive` is reserved, and keeps nothing yet.",
    ),
    Setting("SPANLEDGER_REDACT", "redact", parsing.flag, "Mask secrets and personal data in what is exported."),
    Setting(
        "SPANLEDGER_UNPRICED",
        "unpriced",
        parsing.unpriced,
        "What becomes of calls without a known price: `deny`, `allow` or `price_as:<model>`. Default: `deny` "
        "under a hard budget.",
    ),
    Setting(
        "SPANLEDGER_HOLD_TTL", "hold_ttl", parsing.seconds, "Seconds a hold lives before it is charged as expired."
    ),
    Setting(
        "SPANLEDGER_LEASE",
        "lease",
        parsing.one_of("auto", "off"),
        "Whether processes lease parts of a budget: `auto` or `off`.",
    ),
    Setting(
        "SPANLEDGER_WIRE",
        "wire",
        parsing.one_of("meter", "warn", "deny", "off"),
        "What happens to model calls that no adapter has claimed: `meter`, `warn`, `deny` or `off`.",
    ),
    Setting(
        "SPANLEDGER_WIRE_HOSTS",
        "wire_hosts",
        parsing.hosts,
        "Who answers at a host (with or without port; `.example.com` for all below), for calls that no adapter has "
        "claimed: `host=provider`, or `-host` to leave it alone (a gateway that meters itself), separated by commas.",
    ),
    Setting(
        "SPANLEDGER_COVERED",
        "covered",
        parsing.one_of("move", "keep"),
        "Usage on spans that repeat a metered call: `move` it aside on export or `keep` it.",
    ),
    Setting(
        "SPANLEDGER_TRUST",
        "trust",
        parsing.one_of("off", "baggage", "headers"),
        "Who may say who pays: nobody outside (`off`), W3C `baggage`, or request `headers` too.",
    ),
    Setting("SPANLEDGER_SERVICE_HOST", "service_host", parsing.text, "Address that `spanledger serve` listens on."),
    Setting("SPANLEDGER_SERVICE_PORT", "service_port", parsing.port, "Port that `spanledger serve` listens on."),
    Setting(
        "SPANLEDGER_SERVICE_TOKENS",
        "service_tokens",
        parsing.text,
        "YAML file of the tokens that the service takes (docs/service.md). Without one it listens on loopback only.",
    ),
    Setting(
        "SPANLEDGER_SERVICE_RATE",
        "service_rate",
        parsing.rate,
        "Requests that one token may make to the service, such as `600/minute`.",
    ),
    Setting(
        "SPANLEDGER_SERVICE_CORS",
        "service_cors",
        parsing.origins,
        "Origins of other pages that may read from the service, separated by commas; by default none.",
    ),
    Setting("SPANLEDGER_JAEGER_URL", "jaeger_url", parsing.http, "Where Jaeger's pages are; traces link there."),
    Setting(
        "SPANLEDGER_COLLECTOR_URL",
        "collector_url",
        parsing.http,
        "Where the collector says how it is (its `health_check`), such as `http://localhost:13133`.",
    ),
    Setting(
        "SPANLEDGER_LIVE",
        "live",
        parsing.text,
        "File to which an app tells `spanledger run --live` what happens; set by that command.",
    ),
    Setting("COST_TRACKING_ENABLED", "tracking", parsing.flag, "`false` turns metering off."),
    Setting("COST_BUDGET_WARNING_THRESHOLD", "run_warning", parsing.usd, "USD per run at which a warning is given."),
    Setting("COST_BUDGET_MAX", "run_limit", parsing.usd, "USD per run at which calls are refused."),
)


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user asked for; a field holds its default where nothing was set. `problems` lists what was ignored."""

    budgets: str | None = None
    store: str = "auto"
    database_url: str | None = None
    retention: tuple[tuple[str, int | None], ...] | None = None
    prices: str | None = None
    capture_content: str = "off"
    redact: bool = True
    unpriced: str | None = None
    hold_ttl: float = 600.0
    lease: str = "auto"
    wire: str = "meter"
    wire_hosts: tuple[tuple[str, str | None], ...] | None = None
    covered: str = "move"
    trust: str = "off"
    service_host: str = "127.0.0.1"
    service_port: int = 8320
    service_tokens: str | None = None
    service_rate: str = "6000/minute"
    service_cors: tuple[str, ...] | None = None
    jaeger_url: str | None = None
    collector_url: str | None = None
    live: str | None = None
    tracking: bool = True
    run_warning: Decimal | None = None
    run_limit: Decimal | None = None
    problems: tuple[str, ...] = field(default=(), compare=False)

    def problem(self, env: str) -> str | None:
        """What is wrong with a setting, None if nothing is."""
        return next((problem for problem in self.problems if problem.startswith(f"{env}=")), None)

    @property
    def idle(self) -> tuple[str, ...]:
        """What is set and has no effect in this version, and what to do."""
        if self.capture_content != "archive":
            return ()
        return ("SPANLEDGER_CAPTURE_CONTENT=archive keeps nothing in this version; use span or off",)

    @property
    def trusts_baggage(self) -> bool:
        """Whether baggage that came in may say who pays."""
        return self.trust in ("baggage", "headers")

    @property
    def trusts_headers(self) -> bool:
        """Whether request headers may say who pays."""
        return self.trust == "headers"


def read(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of an environment. A bad value is left at its default and named in `problems`."""
    environ = os.environ if environ is None else environ
    values: dict[str, Any] = {}
    problems = []
    for row in TABLE:
        text = environ.get(row.env, "").strip()
        if text:
            try:
                values[row.field] = row.parse(text)
            except ValueError as error:
                shown = text if len(text) <= 60 else text[:60] + "…"
                problems.append(f"{row.env}={shown!r} {error}")
    known = {row.env for row in TABLE}
    strangers = sorted(name for name in environ if name.startswith("SPANLEDGER_") and name not in known)
    problems += [f"{name} is not a setting of spanledger; see docs/settings.md" for name in strangers]
    return Settings(**values, problems=tuple(problems))


def strict(environ: Mapping[str, str] | None = None) -> Settings:
    """The settings of an environment, for our own commands.

    Raises:
        ConfigError: naming every setting that cannot be used.
    """
    settings = read(environ)
    if settings.problems:
        raise ConfigError("; ".join(settings.problems))
    return settings


def table_markdown() -> str:
    """The text of `docs/settings.md`."""
    defaults = Settings()
    lines = [
        "# Settings",
        "",
        "Generated from `otel/spanledger/config`. All are optional environment variables; `OTEL_*` variables mean",
        "what they always mean. Commands of ours also read `.env.{APP_ENV}` and `.env`; the environment wins.",
        "",
        "| variable | default | meaning |",
        "|---|---|---|",
    ]
    for row in TABLE:
        value = getattr(defaults, row.field)
        shown = "" if value is None else f"`{str(value).lower() if isinstance(value, bool) else value}`"
        lines.append(f"| `{row.env}` | {shown} | {row.doc} |")
    return "\n".join(lines) + "\n"
