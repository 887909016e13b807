"""Where the running stack answers, for people and for programs."""

import json
from collections.abc import Mapping
from pathlib import Path

from spanstack.ports import Ports, url


def endpoints(ports: Ports) -> dict[str, str]:
    """URL by name of what answers there. The names are the keys of `--format json`."""
    return {
        "otlp_grpc": url(ports.otlp_grpc),
        "otlp_http": url(ports.otlp_http),
        "jaeger": url(ports.jaeger),
        "prometheus": url(ports.prometheus),
        "alertmanager": url(ports.alertmanager),
        "spanledger": url(ports.spanledger),
        "collector_metrics": url(ports.collector_metrics) + "/metrics",
        "collector_self_metrics": url(ports.collector_self) + "/metrics",
        "collector_health": url(ports.collector_health),
        "jaeger_otlp_grpc": url(ports.jaeger_otlp),
    }


def as_json(ports: Ports, state: Path, pids: Mapping[str, int]) -> str:
    """One line that holds all of it."""
    return json.dumps({**endpoints(ports), "state_dir": str(state), "pids": dict(pids)})


def as_text(ports: Ports, state: Path) -> str:
    """The same as a short page."""
    at = endpoints(ports)
    return f"""\
The stack is up; Ctrl-C stops it.

  OTLP over gRPC    {at["otlp_grpc"]}
  OTLP over HTTP    {at["otlp_http"]}
  Jaeger            {at["jaeger"]}   (/api/v3; the pages themselves come with the image that compose uses)
  Prometheus        {at["prometheus"]}
  Alertmanager      {at["alertmanager"]}
  spanledger        {at["spanledger"]}
  metrics of apps   {at["collector_metrics"]}
  state and logs    {state}

Send an app's telemetry to it:

  OTEL_EXPORTER_OTLP_PROTOCOL=grpc OTEL_EXPORTER_OTLP_ENDPOINT={at["otlp_grpc"]} opentelemetry-instrument python app.py
"""
