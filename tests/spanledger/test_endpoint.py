"""Where telemetry is sent, as the variables of OpenTelemetry say it."""

from __future__ import annotations

import pytest

from spanledger.endpoint import Endpoint, endpoints, exporters


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ({}, ["otlp"]),
        ({"OTEL_TRACES_EXPORTER": ""}, ["otlp"]),
        ({"OTEL_TRACES_EXPORTER": " "}, ["otlp"]),
        ({"OTEL_TRACES_EXPORTER": "none"}, []),
        ({"OTEL_TRACES_EXPORTER": "console, otlp"}, ["console", "otlp"]),
        ({"OTEL_METRICS_EXPORTER": "none"}, ["otlp"]),
    ],
)
def test_spans_go_out_by_otlp_unless_something_else_is_named(said: dict[str, str], meant: list[str]) -> None:
    assert exporters(said, "TRACES") == meant


def found(**said: str) -> Endpoint:
    """Where spans go; metrics go nowhere."""
    (endpoint,) = endpoints({"OTEL_METRICS_EXPORTER": "none", **said})
    return endpoint


def test_without_an_address_it_is_the_port_of_the_protocol_on_this_host() -> None:
    assert (found().host, found().port) == ("localhost", 4317)
    assert found(OTEL_EXPORTER_OTLP_PROTOCOL="http/protobuf").url == "http://localhost:4318"


def test_the_variable_of_a_signal_wins_over_that_of_all() -> None:
    there = found(
        OTEL_EXPORTER_OTLP_ENDPOINT="http://all:4317", OTEL_EXPORTER_OTLP_TRACES_ENDPOINT="http://traces:4317"
    )
    assert (there.variable, there.host) == ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "traces")


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "http"}, "is no protocol"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://host:port"}, "is no address"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://"}, "names no host"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "ftp://host"}, "must begin with http"),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "host:4318", "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf"}, "must begin"),
    ],
)
def test_an_address_that_cannot_be_used_says_why(said: dict[str, str], problem: str) -> None:
    told = found(**said).problem or ""
    assert problem in told
    assert next(iter(said)) in told
