"""The recommender as a process of its own, instrumented by environment variables alone."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType

from demo.problems import DemoError

_APP = Path(__file__).resolve().parent.parent / "recommender"
_START_SECONDS = 90.0
_STOP_SECONDS = 15.0
_ERROR = re.compile(r"[A-Za-z_][\w.]*(Error|Exception)\b")  # the last line of a traceback
_SETTING = re.compile(r"(SPANLEDGER|COST)_[A-Z_]+[=:]")  # how a sentence about a setting begins
_READ = 1 << 20
_NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def environment(parent: Mapping[str, str], otlp: str, base_url: str | None, key: str | None) -> dict[str, str]:
    """The variables of the app: what the parent has, and where telemetry and model calls go.

    The parent's own `OTEL_*` describe the demo's surroundings, not the app; its `SPANLEDGER_*` do reach
    the app. Unless they say otherwise, the headers of the demo's visitors are trusted.
    """
    kept = {name: value for name, value in parent.items() if not name.startswith("OTEL_")}
    loopback = ",".join(filter(None, (parent.get("NO_PROXY"), "127.0.0.1")))
    made = {
        "OTEL_SERVICE_NAME": "recommender",
        "OTEL_EXPORTER_OTLP_ENDPOINT": otlp,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_TRACES_EXPORTER": "otlp",
        "OTEL_METRICS_EXPORTER": "otlp",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_BSP_SCHEDULE_DELAY": "250",
        "OTEL_METRIC_EXPORT_INTERVAL": "1000",
        "OTEL_PYTHON_EXCLUDED_URLS": "healthz",
        "SPANLEDGER_TRUST": parent.get("SPANLEDGER_TRUST") or "headers",
        "NO_PROXY": loopback,
        "no_proxy": loopback,
        "PYTHONUNBUFFERED": "1",
    }
    model = {"OPENAI_BASE_URL": base_url, "OPENAI_API_KEY": key}
    return kept | made | {name: value for name, value in model.items() if value}


class App:
    """The running app, from entering the block to leaving it."""

    def __init__(self, environ: Mapping[str, str], port: int = 0) -> None:
        """The app on that port; 0 takes a free one."""
        self._environ, self._port = environ, port
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process
        self._process: subprocess.Popen[str] | None = None
        self.url = ""

    def __enter__(self) -> App:
        """Start it and wait until it answers.

        Raises:
            DemoError: It does not start.
        """
        command = [_instrument(), sys.executable, str(_APP), "--port", str(self._port)]
        self._process = subprocess.Popen(
            command, env=dict(self._environ), stdout=subprocess.PIPE, stderr=self._errors, text=True
        )
        deadline = time.monotonic() + _START_SECONDS
        try:
            self.url = self._first_line(self._process)
            while not _healthy(self.url):
                if self._process.poll() is not None or time.monotonic() > deadline:
                    raise DemoError(self._why())
                time.sleep(0.05)
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End it."""
        self.stop()
        self._errors.close()

    def complaints(self) -> list[str]:
        """What it has said about its settings so far."""
        return [line for line in self._said() if _SETTING.match(line)]

    def stop(self) -> None:
        """Ask it to end, so that it sends what it has not sent yet; a second call does nothing."""
        process = self._process
        if process is None:
            return
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()
        self._process = None

    def _first_line(self, process: subprocess.Popen[str]) -> str:
        """The address that the app prints first."""
        lines: list[str] = []
        output = process.stdout
        assert output is not None

        def read() -> None:
            lines.append(output.readline().strip())

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        reader.join(_START_SECONDS)
        if not lines or not lines[0].startswith("http://"):
            process.poll()
            raise DemoError(self._why())
        return lines[0]

    def _said(self) -> list[str]:
        """The lines of its standard error. Read without a seek: the app writes at the same offset."""
        written = os.pread(self._errors.fileno(), _READ, 0).decode(errors="replace")
        return [line.strip() for line in written.splitlines() if line.strip()]

    def _why(self) -> str:
        said = self._said()
        errors = [line for line in said if _ERROR.match(line)] or said
        reason = errors[-1] if errors else f"it said nothing within {_START_SECONDS:.0f} s"
        if reason.startswith("openai."):
            where = self._environ.get("OPENAI_BASE_URL") or "OpenAI"
            reason += f" (model calls go to {where}: check OPENAI_BASE_URL and OPENAI_API_KEY, or unset both)"
        return f"the recommender did not start: {reason}"


def _instrument() -> str:
    beside = Path(sys.executable).with_name("opentelemetry-instrument")
    found = str(beside) if beside.exists() else shutil.which("opentelemetry-instrument")
    if found is None:
        raise DemoError(
            "opentelemetry-instrument is not installed here: run `make demo`, or `pip install 'spanledger[all]'`"
        )
    return found


def _healthy(url: str) -> bool:
    try:
        with _NO_PROXY.open(f"{url}/healthz", timeout=5) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False
