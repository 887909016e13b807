"""The five servers: with which command, environment and configuration each one runs, and when it is ready."""

import os
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from spanstack.errors import Refusal
from spanstack.layout import (
    ALERTMANAGER_CONFIG,
    COLLECTOR_CONFIG,
    JAEGER_CONFIG,
    JAEGER_UI_CONFIG,
    PROMETHEUS_CONFIG,
    PROMETHEUS_RULES,
    Binaries,
)
from spanstack.ports import HOST, Ports, address, url


@dataclass(frozen=True)
class Service:
    """A server that is yet to be started."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str]
    """What it is told beyond our own environment."""
    ready_url: str
    """Answers 200 once the server works."""


@dataclass(frozen=True)
class Setting:
    """Where a stack runs."""

    binaries: Binaries
    ports: Ports
    state: Path
    interval: str


def collector(setting: Setting) -> Service:
    """The collector with the repository's one pipeline file."""
    ports = setting.ports
    environment = {
        "COLLECTOR_OTLP_GRPC": address(ports.otlp_grpc),
        "COLLECTOR_OTLP_HTTP": address(ports.otlp_http),
        "COLLECTOR_PROMETHEUS": address(ports.collector_metrics),
        "COLLECTOR_SELF_HOST": HOST,
        "COLLECTOR_SELF_PORT": str(ports.collector_self),
        "COLLECTOR_HEALTH": address(ports.collector_health),
        "COLLECTOR_JAEGER": address(ports.jaeger_otlp),
        "COLLECTOR_SPANLEDGER": address(ports.spanledger),
        "COLLECTOR_QUEUE_DIR": str(setting.state / "queue"),
        "COLLECTOR_FLUSH": setting.interval,
    }
    command = (str(setting.binaries.collector), f"--config={COLLECTOR_CONFIG}")
    return Service("collector", command, environment, url(ports.collector_health))


def jaeger(setting: Setting) -> Service:
    """Jaeger, with its traces on disk."""
    ports = setting.ports
    environment = {
        "JAEGER_UI": address(ports.jaeger),
        "JAEGER_GRPC": address(ports.jaeger_grpc),
        "JAEGER_OTLP": address(ports.jaeger_otlp),
        "JAEGER_HEALTH": address(ports.jaeger_health),
        "JAEGER_PROMETHEUS": url(ports.prometheus),
        "JAEGER_DATA_DIR": str(setting.state / "jaeger"),
        "JAEGER_UI_CONFIG": str(JAEGER_UI_CONFIG),
    }
    command = (str(setting.binaries.jaeger), f"--config={JAEGER_CONFIG}")
    return Service("jaeger", command, environment, url(ports.jaeger_health) + "/status")


def prometheus(setting: Setting) -> Service:
    """Prometheus, with a copy of its configuration that names our ports."""
    home = setting.state / "prometheus"
    home.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(PROMETHEUS_RULES, home / PROMETHEUS_RULES.name)
    config = home / PROMETHEUS_CONFIG.name
    config.write_text(localised(PROMETHEUS_CONFIG.read_text(encoding="utf-8"), setting), encoding="utf-8")
    command = (
        str(setting.binaries.prometheus),
        f"--config.file={config}",
        f"--storage.tsdb.path={home / 'data'}",
        "--storage.tsdb.retention.time=30d",
        "--enable-feature=exemplar-storage",
        f"--web.listen-address={address(setting.ports.prometheus)}",
    )
    return Service("prometheus", command, {}, url(setting.ports.prometheus) + "/-/ready")


def alertmanager(setting: Setting) -> Service:
    """Alertmanager, alone: without an address for peers it opens no port for them."""
    command = (
        str(setting.binaries.alertmanager),
        f"--config.file={ALERTMANAGER_CONFIG}",
        f"--storage.path={setting.state / 'alertmanager'}",
        f"--web.listen-address={address(setting.ports.alertmanager)}",
        "--cluster.listen-address=",
    )
    return Service("alertmanager", command, {}, url(setting.ports.alertmanager) + "/-/ready")


def spanledger(setting: Setting) -> Service:
    """Our own service. Its ledger is a file of the stack's, unless the environment names another one."""
    file = setting.state / "ledger" / "calls.sqlite"
    environment = {
        "SPANLEDGER_SERVICE_HOST": HOST,
        "SPANLEDGER_SERVICE_PORT": str(setting.ports.spanledger),
        "SPANLEDGER_DATABASE_URL": os.environ.get("SPANLEDGER_DATABASE_URL", f"sqlite://{file}"),
        "SPANLEDGER_COLLECTOR_URL": url(setting.ports.collector_health),
        "SPANLEDGER_JAEGER_URL": url(setting.ports.jaeger),
    }
    command = (sys.executable, "-m", "spanledger", "serve")
    return Service("spanledger", command, environment, url(setting.ports.spanledger) + "/readyz")


def localised(config: str, setting: Setting) -> str:
    """Compose's prometheus.yml with the host names replaced by our addresses, and our interval."""
    ports = setting.ports
    replacements = {
        "collector:8889": address(ports.collector_metrics),
        "collector:8888": address(ports.collector_self),
        "alertmanager:9093": address(ports.alertmanager),
        "_interval: 15s": f"_interval: {setting.interval}",
    }
    for old, new in replacements.items():
        if old not in config:
            raise Refusal(
                f"{PROMETHEUS_CONFIG} does not say {old!r} any more: teach spanstack/services.py the new text."
            )
        config = config.replace(old, new)
    return config


def all_of(setting: Setting) -> list[Service]:
    """The whole stack in the order in which it starts; it is stopped in the opposite order."""
    return [jaeger(setting), alertmanager(setting), prometheus(setting), spanledger(setting), collector(setting)]


def environment_of(service: Service) -> dict[str, str]:
    """Our own environment and what the service is told. OTEL_* is for apps: a server must not report to itself."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("OTEL_")}
    return ours | dict(service.environment)
