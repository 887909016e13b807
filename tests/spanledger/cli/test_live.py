"""`spanledger run --live`: real programs with a real client, watched over a pipe and on a terminal."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.support.waiting import until

from provider import Provider

SPANLEDGER = str(Path(sys.executable).with_name("spanledger"))
APP = """
import sys, openai, spanledger
client = openai.OpenAI(max_retries=0)

def ask(usage, model="gpt-4o-mini", most=400):
    said = [{"role": "user", "content": f"<<{usage}>> Hi"}]
    client.chat.completions.create(model=model, messages=said, max_tokens=most)

print("the app's own line")
with spanledger.run("the-run", tenant="acme"):
    with spanledger.stage("profile_analyzer"):
        ask("input=1000 output=305")
    with spanledger.stage("planner"):
        ask("input=1000 output=305", "gpt-4o")
        ask("input=10 output=5", "house-model-x")
    ask("input=1000 output=305")
    try:
        with spanledger.stage("broken"):
            ask("fault=500")
    except openai.InternalServerError:
        pass
    try:
        with spanledger.stage("greedy"):
            ask("input=1000 output=1000", "gpt-4o", 1000)
    except spanledger.BudgetExceeded:
        print("stopped")
print("done")
sys.exit(7)
"""


@dataclass(frozen=True)
class Seen:
    """How a program ended, and what was seen of it."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        """What was shown, without colours."""
        return [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in self.err.splitlines()]


@pytest.fixture
def environ(provider: Provider, tmp_path: Path) -> dict[str, str]:
    """What a user sets."""
    ours = ("OTEL_", "SPANLEDGER_", "COST_", "PYTHONPATH", "NO_COLOR", "COLUMNS")
    return {key: value for key, value in os.environ.items() if not key.startswith(ours)} | {
        "OPENAI_BASE_URL": provider.base_url,
        "OPENAI_API_KEY": "sk-live",
        "XDG_STATE_HOME": str(tmp_path),
        "OTEL_TRACES_EXPORTER": "none",
        "OTEL_METRICS_EXPORTER": "none",
        "OTEL_LOGS_EXPORTER": "none",
        "PYTHONIOENCODING": "utf-8",
        "TERM": "xterm-256color",
        "COST_BUDGET_MAX": "0.0105",
        "COST_BUDGET_WARNING_THRESHOLD": "0.005",
        "SPANLEDGER_UNPRICED": "allow",
    }


def command(tmp_path: Path, body: str = APP) -> list[str]:
    app = tmp_path / "app.py"
    app.write_text(textwrap.dedent(body))
    return [SPANLEDGER, "run", "--live", "--", sys.executable, "-u", str(app)]


@pytest.fixture
def piped(environ: dict[str, str], tmp_path: Path) -> Seen:
    ended = subprocess.run(command(tmp_path), env=environ, cwd=tmp_path, capture_output=True, timeout=120, check=False)
    return Seen(ended.returncode, ended.stdout.decode(), ended.stderr.decode())


def test_over_a_pipe_it_says_in_plain_lines_what_each_stage_cost_and_how_the_budget_stands(piped: Seen) -> None:
    assert (piped.code, piped.out) == (7, "the app's own line\nstopped\ndone\n")
    assert "\x1b" not in piped.err
    stages = [re.sub(r"(\d+ ms|[\d.]+ s)", "T", line) for line in piped.lines if line[0] in "✓✗"]
    assert stages == [
        "✓ profile_analyzer T | 1,305 tok | $0.000333",
        "✓ planner T | 1,320 tok | $0.00555 + 1 unpriced",
        "✗ broken T | openai.InternalServerError",
        next(line for line in stages if line.startswith("✗ budget run/run of the-run refused the call: ")),
        "✗ greedy T | spanledger.BudgetExceeded",
    ]
    bars = [line for line in piped.lines if line.startswith("run/run the-run ")]
    assert bars[-1].endswith(" 59 % | $0.006216 of $0.0105 | has refused calls")
    assert len(bars) == len(set(bars)) + 1  # the last one is told again at the end


def test_at_the_end_it_breaks_down_where_time_and_money_went_the_slowest_first(piped: Seen) -> None:
    at = next(n for n, line in enumerate(piped.lines) if line.startswith("stage "))
    rows = {line.split("  ")[0]: line.split() for line in piped.lines[at + 1 : at + 6]}
    assert {name: row[-1] for name, row in rows.items()} == {
        "profile_analyzer": "$0.000333",
        "planner": "unpriced",
        "(no stage)": "$0.000333",
        "broken": "-",
        "greedy": "-",
    }
    assert "$0.00555 + 1 unpriced" in next(line for line in piped.lines[at:] if line.startswith("planner"))
    shares = [int(match) for line in piped.lines[at + 1 : at + 6] for match in re.findall(r"(\d+) %", line)]
    assert shares == sorted(shares, reverse=True)
    assert 97 <= sum(shares) <= 103
    total = next(line for line in piped.lines[at:] if line.startswith("Total: "))
    assert total.endswith(" | 5 calls | 3,930 tok | $0.006216 + 1 unpriced (provider usage)")
    assert "Budgets refused 1 attempt." in piped.lines


def on_terminal(argv: list[str], environ: dict[str, str], folder: Path) -> Seen:
    """The same on a terminal of its own, to which the program's own output goes, too."""
    main, side = pty.openpty()
    process = subprocess.Popen(
        argv, env=environ, cwd=folder, stdin=side, stdout=subprocess.PIPE, stderr=side, start_new_session=True
    )
    os.close(side)
    screen = b""
    while True:
        try:
            piece = os.read(main, 65536)
        except OSError:  # how Linux says that nobody has the other side any more
            break
        screen += piece
        if not piece:
            break
    out, _ = process.communicate(timeout=60)
    os.close(main)
    return Seen(process.returncode, out.decode(), screen.decode().replace("\r\n", "\n"))


def test_on_a_terminal_it_is_coloured_and_says_the_same(environ: dict[str, str], tmp_path: Path) -> None:
    seen = on_terminal(command(tmp_path), environ, tmp_path)
    assert (seen.code, seen.out) == (7, "the app's own line\nstopped\ndone\n")
    coloured = seen.err.splitlines()
    green, yellow, red = "\x1b[32m", "\x1b[33m", "\x1b[31m"
    assert any(line.startswith(f"{green}✓ profile_analyzer ") for line in coloured)
    assert any(line.startswith(f"{red}✗ broken ") for line in coloured)
    assert any(
        line.startswith(f"{yellow}run/run the-run ") and "past its warning at $0.005" in line for line in coloured
    )
    assert any(line.startswith(f"{red}run/run the-run ") and "has refused calls" in line for line in coloured)
    assert any(line.startswith("planner ") and "$0.00555 + 1 unpriced" in line for line in seen.lines)
    assert any(line.startswith("Total: ") and line.endswith("(provider usage)") for line in seen.lines)


def test_children_that_fork_are_seen_and_without_budgets_there_is_no_bar(
    environ: dict[str, str], tmp_path: Path
) -> None:
    body = (
        APP.partition("print(")[0]
        + """
    import os
    for _ in range(2):
        if not os.fork():
            with spanledger.stage("child"):
                ask("input=1000 output=305")
            os._exit(0)
    os.wait(), os.wait()
    """.replace("\n    ", "\n")
    )
    plain = {key: value for key, value in environ.items() if not key.startswith("COST_")}
    done = subprocess.run(
        command(tmp_path, body), env=plain, cwd=tmp_path, capture_output=True, timeout=120, check=False
    )
    lines = done.stderr.decode().splitlines()
    assert done.returncode == 0
    assert sum(line.startswith("✓ child ") for line in lines) == 2
    assert lines[-1].endswith("| 2 calls | 2,610 tok | $0.000666 (provider usage)")


QUIET = """
import os, signal, sys, time
{handler}
open({ready!r}, "w").close()
time.sleep(60)
"""


@pytest.fixture
def started(environ: dict[str, str], tmp_path: Path) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Programs that are ended when the test is over."""
    running: list[subprocess.Popen[bytes]] = []
    yield running
    for process in running:
        process.kill()
        process.wait()


def waiting(
    running: list[subprocess.Popen[bytes]], environ: dict[str, str], tmp_path: Path, handler: str
) -> subprocess.Popen[bytes]:
    """A program that waits for a signal, and does that with it."""
    ready = tmp_path / "ready"
    argv = command(tmp_path, QUIET.format(handler=handler, ready=str(ready)))
    process = subprocess.Popen(
        argv, env=environ, cwd=tmp_path, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    )
    running.append(process)
    assert until(ready.exists)
    return process


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1])
def test_signals_reach_the_program_and_its_answer_is_ours(
    started: list[subprocess.Popen[bytes]], environ: dict[str, str], tmp_path: Path, number: signal.Signals
) -> None:
    handler = f"signal.signal({int(number)}, lambda n, _: sys.exit(40 + n))"
    process = waiting(started, environ, tmp_path, handler)
    process.send_signal(number)
    assert process.wait(30) == 40 + number
    assert process.stderr is not None
    with process.stderr as err:
        assert b"No call to a model was seen" in err.read()


def test_a_program_that_a_signal_ends_ends_us_by_the_same(
    started: list[subprocess.Popen[bytes]], environ: dict[str, str], tmp_path: Path
) -> None:
    process = waiting(started, environ, tmp_path, "signal.setitimer(signal.ITIMER_REAL, 0.2)")
    assert process.wait(30) == -signal.SIGALRM
    assert process.stderr is not None
    process.stderr.close()


def test_our_own_end_leaves_the_program_alone(
    started: list[subprocess.Popen[bytes]], environ: dict[str, str], tmp_path: Path
) -> None:
    done = tmp_path / "done"
    process = waiting(
        started,
        environ,
        tmp_path,
        f"signal.signal(signal.SIGALRM, lambda *_: (open({str(done)!r}, 'w').close(), os._exit(0)))\n"
        "signal.setitimer(signal.ITIMER_REAL, 1.0)",
    )
    process.kill()
    process.wait()
    assert until(done.exists)
    assert process.stderr is not None
    process.stderr.close()


def test_a_program_that_is_not_there_is_a_mistake_that_is_said(environ: dict[str, str], tmp_path: Path) -> None:
    argv = [SPANLEDGER, "run", "--live", "--", "no-such-program"]
    done = subprocess.run(argv, env=environ, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert "no-such-program is not a program" in done.stderr
