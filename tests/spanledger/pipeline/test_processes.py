"""An app that knows nothing of spanledger, by environment alone: however its processes end, its calls arrive."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.support.sink import Sink, sink

from provider import Provider
from spanledger.budget.opening import open_store

INSTRUMENT = str(Path(sys.executable).with_name("opentelemetry-instrument"))
ASK = """
import os, sys, openai
def ask():
    client = openai.OpenAI(max_retries=0)
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "<<input=9>> Hi"}])
"""


@pytest.fixture
def arrived() -> Iterator[Sink]:
    with sink() as receiver:
        yield receiver


def environment(provider: Provider, arrived: Sink) -> dict[str, str]:
    """What a user sets; nothing of the environment of the tests that is meant for OpenTelemetry."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("OTEL_", "SPANLEDGER_", "COST_", "PYTHONPATH"))}
    return kept | {
        "OPENAI_BASE_URL": provider.base_url,
        "OPENAI_API_KEY": "sk-process",
        "OTEL_SERVICE_NAME": "app",
        "OTEL_EXPORTER_OTLP_ENDPOINT": arrived.url,
        "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
        "OTEL_LOGS_EXPORTER": "none",
        "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": "httpx,requests,urllib3,logging,threading,asyncio",
    }


def start(tmp_path: Path, body: str, env: dict[str, str]) -> subprocess.Popen[str]:
    """A script of the app, instrumented."""
    script = tmp_path / "app.py"
    script.write_text(ASK + textwrap.dedent(body))
    return subprocess.Popen(
        [INSTRUMENT, sys.executable, str(script)],
        env=env,
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


ENDS = [
    ("the end of the script", "ask()", 1, 0),
    ("sys.exit", "ask(); sys.exit(3)", 1, 3),
    ("an exception", "ask(); 1 / 0", 1, 1),
    (
        "children by fork",
        """
        import multiprocessing
        if __name__ == "__main__":
            ask()
            with multiprocessing.get_context("fork").Pool(2) as pool:
                [pool.apply(ask) for _ in range(2)]
                pool.close()
                pool.join()
            child = multiprocessing.get_context("fork").Process(target=ask)
            child.start()
            child.join()
        """,
        4,
        0,
    ),
    (
        "children by spawn",
        """
        import multiprocessing
        if __name__ == "__main__":
            child = multiprocessing.get_context("spawn").Process(target=ask)
            child.start()
            child.join()
            ask()
        """,
        2,
        0,
    ),
    (
        "os.fork",
        """
        ask()
        child = os.fork()
        ask()
        if child:
            os.waitpid(child, 0)
        """,
        3,
        0,
    ),
]


@pytest.mark.parametrize(("body", "calls", "code"), [case[1:] for case in ENDS], ids=[case[0] for case in ENDS])
def test_every_call_arrives_once(
    tmp_path: Path, provider: Provider, arrived: Sink, body: str, calls: int, code: int
) -> None:
    process = start(tmp_path, body, environment(provider, arrived))
    out, err = process.communicate(timeout=60)
    assert process.returncode == code, err
    assert out == ""
    assert len(arrived.calls) == calls
    assert len({span.span_id for span in arrived.calls}) == calls
    assert arrived.counted("spanledger.calls") == calls


WITHOUT_SDK = """
from opentelemetry import trace
trace.set_tracer_provider(trace.NoOpTracerProvider())
import openai, spanledger
spanledger.init()
ask = [{"role": "user", "content": "<<output=50>> Hi"}]
stream = openai.OpenAI().chat.completions.create(model="gpt-4o-mini", messages=ask, stream=True, max_tokens=60)
next(iter(stream))
"""


def test_where_another_library_does_the_tracing_what_is_open_at_the_end_is_settled(
    tmp_path: Path, provider: Provider, arrived: Sink
) -> None:
    url = f"sqlite:///{tmp_path / 'budgets.sqlite'}"
    env = environment(provider, arrived) | {"SPANLEDGER_BUDGETS": "run=5USD", "SPANLEDGER_STORE": url}
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_SDK], env=env, capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert list(open_store(url).holds()) == []
    assert arrived.calls == []


def test_a_terminated_app_sends_what_it_has_and_dies_of_the_signal(
    tmp_path: Path, provider: Provider, arrived: Sink
) -> None:
    body = """
    import time
    ask()
    print("ready", flush=True)
    time.sleep(60)
    """
    process = start(tmp_path, body, environment(provider, arrived))
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode == -signal.SIGTERM
    assert len(arrived.calls) == 1


def test_a_collector_that_is_down_costs_no_more_than_the_grace(
    tmp_path: Path, provider: Provider, arrived: Sink
) -> None:
    env = environment(provider, arrived) | {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}
    process = start(tmp_path, "ask(); print('done', flush=True)", env)
    assert process.stdout is not None
    assert process.stdout.readline() == "done\n"
    began = time.monotonic()
    _, err = process.communicate(timeout=30)
    assert process.returncode == 0, err
    assert time.monotonic() - began < 7, "stock exporters take 9 to 14 s"


def test_workers_of_gunicorn_are_instrumented(tmp_path: Path, provider: Provider, arrived: Sink) -> None:
    (tmp_path / "app.py").write_text(
        ASK + "def app(environ, start_response):\n    ask()\n    start_response('200 OK', [])\n    return [b'ok']\n"
    )
    command = [INSTRUMENT, str(Path(sys.executable).with_name("gunicorn")), "-w", "2", "app:app"]
    if "--no-control-socket" in _gunicorn_help():
        command.append("--no-control-socket")
    with socket.create_server(("127.0.0.1", 0)) as door:
        url = f"http://127.0.0.1:{door.getsockname()[1]}/"
        process = subprocess.Popen(
            [*command, "-b", f"fd://{door.fileno()}"],
            env=environment(provider, arrived),
            cwd=tmp_path,
            pass_fds=[door.fileno()],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            for _ in range(4):
                with urllib.request.urlopen(url, timeout=60) as response:
                    assert response.read() == b"ok"
        finally:
            process.terminate()
            process.wait(timeout=20)
    arrived.wait(lambda seen: len(seen.calls) == 4)


def _gunicorn_help() -> str:
    return subprocess.run(
        [sys.executable, "-m", "gunicorn", "--help"], capture_output=True, text=True, check=True, timeout=30
    ).stdout
