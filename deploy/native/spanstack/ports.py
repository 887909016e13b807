"""The loopback ports of a stack."""

import random
import socket
from dataclasses import dataclass, fields

from spanstack.errors import Refusal

HOST = "127.0.0.1"
# Below the range from which systems hand out ports for outgoing connections: what is free here stays free.
AUTO_RANGE = range(20000, 30000)


@dataclass(frozen=True)
class Ports:
    """One port per server. The defaults are the ones everybody expects."""

    otlp_grpc: int = 4317
    otlp_http: int = 4318
    collector_metrics: int = 8889
    collector_self: int = 8888
    collector_health: int = 13133
    jaeger: int = 16686
    jaeger_grpc: int = 16685
    jaeger_otlp: int = 14317
    jaeger_health: int = 13134
    prometheus: int = 9090
    alertmanager: int = 9093
    spanledger: int = 8320


def address(port: int) -> str:
    """`port` on loopback, as servers want it."""
    return f"{HOST}:{port}"


def url(port: int) -> str:
    """`port` on loopback, as clients want it."""
    return f"http://{HOST}:{port}"


def is_free(port: int) -> bool:
    """Whether a server could listen on `port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def default_ports() -> Ports:
    """The usual ports; refuses if any of them is taken."""
    ports = Ports()
    for field in fields(ports):
        port = getattr(ports, field.name)
        if not is_free(port):
            raise Refusal(
                f"Port {port} ({field.name}) is taken: stop the program that listens there, "
                "or choose free ports with --ports auto."
            )
    return ports


def free_ports() -> Ports:
    """Ports that are free now, drawn at random so that two stacks that start together hardly meet."""
    draws = random.SystemRandom().sample(AUTO_RANGE, 1000)
    free = (port for port in draws if is_free(port))
    return Ports(**{field.name: next(free) for field in fields(Ports)})
