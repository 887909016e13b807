"""`make stack`: collector, Jaeger, Prometheus and Alertmanager on loopback until Ctrl-C, without Docker.

Exit codes: 0 after Ctrl-C or SIGTERM, 1 if a server died, 2 if the stack cannot be built or started here.
"""

import contextlib
import fcntl
import importlib.util
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from types import FrameType

from spanstack import builds, golang, options, output, packages, report, services
from spanstack.errors import Refusal
from spanstack.layout import Binaries, make_writable
from spanstack.options import Options
from spanstack.ports import Ports, default_ports, free_ports
from spanstack.supervisor import Failure, supervised

STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """Somebody asked us to end."""


def main(arguments: list[str]) -> int:
    """Runs the program and returns its exit code."""
    wish = options.parse(arguments)
    for number in STOP_SIGNALS:
        if (number, signal.getsignal(number)) != (signal.SIGHUP, signal.SIG_IGN):  # nohup means what it says
            signal.signal(number, _on_signal)
    try:
        if not wish.build_only:
            _choose_ports(wish)  # before minutes of building
        binaries = _binaries()
        if wish.build_only:
            output.result(_built(wish, binaries))
        else:
            _run(wish, binaries)
    except Stopped:
        return 0
    except Refusal as refusal:
        output.say(str(refusal))
        return 2
    except Failure as failure:
        output.say(str(failure))
        return 1
    return 0


def _on_signal(_number: int, _frame: FrameType | None) -> None:
    """Ends what is under way. Further signals do not disturb the clearing up."""
    for number in STOP_SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    raise Stopped


def _choose_ports(wish: Options) -> Ports:
    return free_ports() if wish.auto_ports else default_ports()


def _binaries() -> Binaries:
    """The four programs. What cannot work here is said before anything is built."""
    if not builds.is_built():
        golang.find_go()
    packages.check()
    prometheus, alertmanager = packages.ensure()
    collector, jaeger = builds.build()
    return Binaries(collector, jaeger, prometheus, alertmanager)


def _built(wish: Options, binaries: Binaries) -> str:
    paths = {name: str(path) for name, path in vars(binaries).items()}
    if wish.as_json:
        return json.dumps(paths)
    return "\n".join(f"{name:14}{path}" for name, path in paths.items())


def _run(wish: Options, binaries: Binaries) -> None:
    """Serves until a signal comes or a server dies."""
    if importlib.util.find_spec("spanledger") is None:
        raise Refusal("spanledger is not installed for this Python: run `make stack`, which sees to it.")
    state = make_writable(wish.state_dir, "--state-dir")
    logs = make_writable(state / "logs", "--state-dir")
    with _sole_use(state), supervised(logs) as supervisor:
        ports = _choose_ports(wish)
        supervisor.start(services.all_of(services.Setting(binaries, ports, state, wish.interval)))
        ready = report.as_json(ports, state, supervisor.pids) if wish.as_json else report.as_text(ports, state)
        output.result(ready)
        supervisor.watch()


@contextlib.contextmanager
def _sole_use(state: Path) -> Iterator[None]:
    """Refuses if another stack keeps its traces and metrics in this directory."""
    with (state / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise Refusal(f"Another stack runs in {state}: stop it, or name another --state-dir.") from error
        yield


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
