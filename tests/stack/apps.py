"""A script under `opentelemetry-instrument`, by environment variables alone, whose telemetry goes to the stack."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stack.clients import Stack
from tests.support.ports import free_port

from provider import Provider


@contextmanager
def running(script: str, folder: Path, stack: Stack, simulated: Provider, **environment: str) -> Iterator[int]:
    """The port that it listens on; it ends in order."""
    (folder / "app.py").write_text(script)
    port = free_port()
    said = {
        **{k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "SPANLEDGER_", "OPENAI_"))},
        "OPENAI_BASE_URL": simulated.base_url,
        "OPENAI_API_KEY": "sk-simulated",
        "OTEL_EXPORTER_OTLP_ENDPOINT": stack.otlp_http,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_BSP_SCHEDULE_DELAY": "200",
        **environment,
    }
    command = [str(Path(sys.executable).parent / "opentelemetry-instrument"), sys.executable, "app.py", str(port)]
    with subprocess.Popen(command, env=said, cwd=folder) as app:
        try:
            yield port
        finally:
            app.send_signal(signal.SIGTERM)
