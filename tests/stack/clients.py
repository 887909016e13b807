"""What tests say to the stack and hear from it: Jaeger and Prometheus as clients see them."""

import dataclasses
import json
import math
import subprocess
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from opentelemetry.trace import Tracer
from spanstack.services import Service

T = TypeVar("T")


@dataclasses.dataclass(frozen=True)
class Stack:
    """Where the servers answer; the fields are the keys of `stack.py --format json`."""

    otlp_grpc: str
    otlp_http: str
    jaeger: str
    prometheus: str
    alertmanager: str
    spanledger: str
    collector_metrics: str
    collector_self_metrics: str
    collector_health: str
    jaeger_otlp_grpc: str
    state_dir: str
    pids: Mapping[str, int]


def get(url: str, **parameters: str) -> Any:
    """The JSON that a GET answers; None for 404."""
    try:
        with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(parameters)}", timeout=10) as response:
            return json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            if error.code == 404:
                return None
            raise


def eventually(read: Callable[[], T], good: Callable[[T], bool], seconds: float = 20.0) -> T:
    """What `read` gives once it is good; after `seconds`, whatever it gives, for an assertion to tell about."""
    end = time.monotonic() + seconds
    while not good(value := read()) and time.monotonic() < end:
        time.sleep(0.2)
    return value


class Jaeger:
    """Reads spans back from Jaeger's /api/v3."""

    def __init__(self, url: str) -> None:
        self.url = url

    def read(self, service: str) -> list[dict[str, Any]]:
        """Spans of a service as they are now, each with its resource's attributes under `resource`."""
        now = time.time()
        times = {"start_time_min": _rfc3339(now - 3600), "start_time_max": _rfc3339(now + 60)}
        query = {
            f"query.{key}": value for key, value in {"service_name": service, "search_depth": "1000", **times}.items()
        }
        answer = get(f"{self.url}/api/v3/traces", **query) or {}
        return [
            {**span, "attributes": attributes_of(span), "resource": attributes_of(group["resource"])}
            for group in answer.get("result", {}).get("resourceSpans", [])
            for scope in group["scopeSpans"]
            for span in scope["spans"]
        ]

    def spans(self, service: str, count: int = 1, seconds: float = 20.0) -> list[dict[str, Any]]:
        """Spans of a service once there are `count` of them, or what there is after `seconds`."""
        return eventually(lambda: self.read(service), lambda found: len(found) >= count, seconds)


class Prometheus:
    """Asks Prometheus."""

    def __init__(self, url: str) -> None:
        self.url = url

    def query(self, expression: str) -> dict[frozenset[tuple[str, str]], float]:
        """Instant vector: value by set of labels."""
        found = get(f"{self.url}/api/v1/query", query=expression)["data"]["result"]
        return {frozenset(one["metric"].items()): float(one["value"][1]) for one in found}

    def value(self, expression: str, expected: float | None = None, seconds: float = 20.0) -> float | None:
        """The one value of `expression` once there is one, and once it is `expected` where that is given."""

        def good(value: float | None) -> bool:
            return value is not None and (expected is None or math.isclose(value, expected, abs_tol=1e-9))

        return eventually(lambda: next(iter(self.query(expression).values()), None), good, seconds)

    def exemplars(self, selector: str, seconds: float = 20.0) -> list[dict[str, Any]]:
        """Exemplars of the series that match, once there are any."""
        times = {"start": str(time.time() - 600), "end": str(time.time() + 600)}
        url = f"{self.url}/api/v1/query_exemplars"
        found = eventually(lambda: get(url, query=selector, **times)["data"], bool, seconds)
        return [exemplar for series in found for exemplar in series["exemplars"]]


def _rfc3339(seconds: float) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def attributes_of(of: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes of OTLP JSON as plain values; integers stay the strings that OTLP JSON makes of them."""
    return {one["key"]: next(iter(one["value"].values()), None) for one in of.get("attributes", [])}


class Send(Protocol):
    """Sends the spans that `write` makes and returns once the collector has taken them."""

    def __call__(
        self, service: str, write: Callable[[Tracer], object], endpoint: str = ..., resource: Mapping[str, str] = ...
    ) -> None: ...


class Launch(Protocol):
    """Starts a server of the test's own and returns once it answers."""

    def __call__(self, service: Service, environment: Mapping[str, str] = ...) -> subprocess.Popen[bytes]: ...
