"""What the command line says."""

import argparse
import re
from dataclasses import dataclass
from pathlib import Path

from spanstack.layout import default_state_dir


@dataclass(frozen=True)
class Options:
    """The wishes of one call."""

    auto_ports: bool
    state_dir: Path
    as_json: bool
    build_only: bool
    interval: str
    """How often Prometheus scrapes, and the collector's span_metrics flush: a whole number and `s` or `m`."""


def _interval(text: str) -> str:
    if not re.fullmatch(r"[1-9][0-9]*[sm]", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds or minutes such as 15s")
    return text


def parse(arguments: list[str]) -> Options:
    """Reads the command line; ends the program with exit code 2 where it is wrong."""
    parser = argparse.ArgumentParser(
        prog="stack.py",
        description="Runs collector, Jaeger, Prometheus, Alertmanager and spanledger on loopback. Needs no Docker.",
        epilog="COLLECTOR_* variables of collector-config.yaml, such as COLLECTOR_KEEP_PERCENT, are passed on.",
    )
    parser.add_argument("--ports", choices=("default", "auto"), default="default", help="usual ports, or free ones")
    parser.add_argument("--state-dir", type=Path, default=None, help="queue, traces, metrics and logs")
    parser.add_argument("--format", choices=("text", "json"), default="text", help="json: one line once all answer")
    parser.add_argument("--build-only", action="store_true", help="build and install, start nothing")
    parser.add_argument("--scrape-interval", type=_interval, default="15s", help="default 15s")
    given = parser.parse_args(arguments)
    return Options(
        auto_ports=given.ports == "auto",
        state_dir=(given.state_dir or default_state_dir()).absolute(),
        as_json=given.format == "json",
        build_only=given.build_only,
        interval=given.scrape_interval,
    )
