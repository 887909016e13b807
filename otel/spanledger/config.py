"""The settings: one table, from which the environment is read and `docs/settings.md` is written.

An app that is started with a bad value goes on with the default and one warning; a command of ours stops with a
`ConfigError` instead. Both say which setting, which value, and what would be right.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from spanledger.errors import ConfigError

Parse = Callable[[str], Any]


def one_of(*choices: str) -> Parse:
    """A parser that takes one of these words, in any case."""

    def parse(text: str) -> str:
        if text.lower() not in choices:
            raise ValueError(f"must be one of {', '.join(choices)}")
        return text.lower()

    return parse


def _flag(text: str) -> bool:
    if text.lower() in ("true", "1", "yes", "on"):
        return True
    if text.lower() in ("false", "0", "no", "off"):
        return False
    raise ValueError("must be true or false")


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise ValueError("must be a number of seconds above 0")
    return value


def _usd(text: str) -> Decimal:
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal(-1)
    if not value.is_finite() or value < 0:
        raise ValueError("must be an amount in USD such as 5.00")
    return value


def _unpriced(text: str) -> str:
    if text in ("deny", "allow") or (text.startswith("price_as:") and len(text) > len("price_as:")):
        return text
    raise ValueError("must be deny, allow or price_as:<model>")


def _text(text: str) -> str:
    return text


def _hosts(text: str) -> tuple[tuple[str, str | None], ...]:
    """Pairs of host and provider; None where the host is to be left alone."""
    found: list[tuple[str, str | None]] = []
    for entry in filter(None, (part.strip() for part in text.replace(";", ",").split(","))):
        host, equals, provider = (side.strip() for side in entry.lower().partition("="))
        if host.startswith("-") and len(host) > 1 and not equals:
            found.append((host[1:], None))
        elif host and provider and "/" not in host and not host.startswith("-"):
            found.append((host, provider))
        else:
            raise ValueError("must be host=provider or -host, separated by commas")
    return tuple(found)


def _retention(text: str) -> tuple[tuple[str, int | None], ...]:
    """Pairs of what is kept and for how many days; None is for ever."""
    kept = ("calls", "runs", "cache_events", "scores", "minutes", "hours", "days")
    found: list[tuple[str, int | None]] = []
    for entry in filter(None, (part.strip() for part in text.split(","))):
        name, _, days = (side.strip() for side in entry.lower().partition("="))
        if name not in kept or not (days == "forever" or (days.isdigit() and 0 < int(days) < 36_500)):
            raise ValueError(f"must be days of {', '.join(kept)}, such as calls=90,scores=forever")
        found.append((name, None if days == "forever" else int(days)))
    return tuple(found)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65_536:
        raise ValueError("must be a port from 1 to 65535")
    return int(text)


def _rate(text: str) -> str:
    count, _, unit = text.lower().partition("/")
    if not count.isdecimal() or not 0 < int(count) < 10**9 or unit not in ("second", "minute", "hour"):
        raise ValueError("must be requests per second, minute or hour, such as 600/minute")
    return text.lower()


def _origins(text: str) -> tuple[str, ...]:
    found = tuple(filter(None, (part.strip() for part in text.split(","))))
    if not all(one.startswith(("http://", "https://")) and one.count("/") == 2 for one in found):
        raise ValueError("must be origins such as https://grafana.example.com, separated by commas")
    return found


def _http(text: str) -> str:
    if not text.startswith(("http://", "https://")):
        raise ValueError("must be a URL that begins with http:// or https://")
    return text.rstrip("/")


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
        _text,
        "Budgets: path of a YAML file, or inline such as `run=5USD;tenant/day=10USD`.",
    ),
    Setting(
        "SPANLEDGER_STORE",
        "store",
        _text,
        "Where budgets are kept: `auto`, `memory:`, `sqlite:///path` or `redis://host`.",
    ),
    Setting(
        "SPANLEDGER_DATABASE_URL",
        "database_url",
        _text,
        "Call ledger: `sqlite:///path`, `postgresql://host/database` or `off`; by default a file beside the store's.",
    ),
    Setting(
        "SPANLEDGER_RETENTION",
        "retention",
        _retention,
        "Days that the call ledger keeps things, such as `calls=90,cache_events=30`: `calls`, `runs`, `cache_events`, "
        "`scores`, and sums by `minutes`, `hours`, `days`; `forever` instead of days. Usually 400, caches 90, sums by "
        "day forever.",
    ),
    Setting(
        "SPANLEDGER_PRICES",
        "prices",
        _text,
        "YAML file with prices of your own: contract prices, discounts, aliases, self-hosted models (docs/cost.md). If "
        "it cannot be used, nothing is priced.",
    ),
    Setting(
        "SPANLEDGER_CAPTURE_CONTENT",
        "capture_content",
        one_of("off", "span", "archive"),
        "Whether prompts and answers are kept: `off` or `span`; `archive` is reserved, and keeps nothing yet.",
    ),
    Setting("SPANLEDGER_REDACT", "redact", _flag, "Mask secrets and personal data in what is exported."),
    Setting(
        "SPANLEDGER_UNPRICED",
        "unpriced",
        _unpriced,
        "What becomes of calls without a known price: `deny`, `allow` or `price_as:<model>`. Default: `deny` "
        "under a hard budget.",
    ),
    Setting("SPANLEDGER_HOLD_TTL", "hold_ttl", _seconds, "Seconds a hold lives before it is charged as expired."),
    Setting(
        "SPANLEDGER_LEASE",
        "lease",
        one_of("auto", "off"),
        "Whether processes lease parts of a budget: `auto` or `off`.",
    ),
    Setting(
        "SPANLEDGER_WIRE",
        "wire",
        one_of("meter", "warn", "deny", "off"),
        "What happens to model calls that no adapter has claimed: `meter`, `warn`, `deny` or `off`.",
    ),
    Setting(
        "SPANLEDGER_WIRE_HOSTS",
        "wire_hosts",
        _hosts,
        "Who answers at a host (with or without port; `.example.com` for all below), for calls that no adapter has "
        "claimed: `host=provider`, or `-host` to leave it alone (a gateway that meters itself), separated by commas.",
    ),
    Setting(
        "SPANLEDGER_COVERED",
        "covered",
        one_of("move", "keep"),
        "Usage on spans that repeat a metered call: `move` it aside on export or `keep` it.",
    ),
    Setting(
        "SPANLEDGER_TRUST",
        "trust",
        one_of("off", "baggage", "headers"),
        "Who may say who pays: nobody outside (`off`), W3C `baggage`, or request `headers` too.",
    ),
    Setting("SPANLEDGER_SERVICE_HOST", "service_host", _text, "Address that `spanledger serve` listens on."),
    Setting("SPANLEDGER_SERVICE_PORT", "service_port", _port, "Port that `spanledger serve` listens on."),
    Setting(
        "SPANLEDGER_SERVICE_TOKENS",
        "service_tokens",
        _text,
        "YAML file of the tokens that the service takes (docs/service.md). Without one it listens on loopback only.",
    ),
    Setting(
        "SPANLEDGER_SERVICE_RATE",
        "service_rate",
        _rate,
        "Requests that one token may make to the service, such as `600/minute`.",
    ),
    Setting(
        "SPANLEDGER_SERVICE_CORS",
        "service_cors",
        _origins,
        "Origins of other pages that may read from the service, separated by commas; by default none.",
    ),
    Setting("SPANLEDGER_JAEGER_URL", "jaeger_url", _http, "Where Jaeger's pages are; traces link there."),
    Setting(
        "SPANLEDGER_COLLECTOR_URL",
        "collector_url",
        _http,
        "Where the collector says how it is (its `health_check`), such as `http://localhost:13133`.",
    ),
    Setting(
        "SPANLEDGER_LIVE",
        "live",
        _text,
        "File to which an app tells `spanledger run --live` what happens; set by that command.",
    ),
    Setting("COST_TRACKING_ENABLED", "tracking", _flag, "`false` turns metering off."),
    Setting("COST_BUDGET_WARNING_THRESHOLD", "run_warning", _usd, "USD per run at which a warning is given."),
    Setting("COST_BUDGET_MAX", "run_limit", _usd, "USD per run at which calls are refused."),
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
        "Generated from `otel/spanledger/config.py`. All are optional environment variables; `OTEL_*` variables mean",
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
