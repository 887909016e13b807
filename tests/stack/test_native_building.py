"""stack.py before anything runs: what it builds, what it reuses, and what it says where it cannot."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest
from spanstack import packages
from spanstack.errors import Refusal

pytestmark = [pytest.mark.xdist_group("stack"), pytest.mark.usefixtures("binaries")]

STACK = Path(__file__).resolve().parents[2] / "deploy" / "native" / "stack.py"
SYSTEM = "/usr/bin:/bin"

FAKE_GO = """#!/bin/sh
case "$1" in
    env) echo "${FAKE_GO_VERSION:-go1.26.8}" ;;
    mod) echo '{"Dir": "/"}' ;;
    build)
        echo "$PWD $*" >> "$FAKE_GO_CALLS"
        [ -z "${FAKE_GO_FAILS:-}" ] || { echo "some line"; echo "no such module"; exit 1; }
        sleep 1
        while [ "$1" != "-o" ]; do shift; done
        echo "#!/bin/sh" > "$2"; chmod +x "$2" ;;
esac
"""


class Machine:
    """A make-believe machine: its PATH, its cache, and a Go that only pretends to build."""

    def __init__(self, home: Path) -> None:
        self.calls = home / "calls"
        self.tools = home / "tools"
        self.cache = home / "cache"
        self.tools.mkdir()
        go = self.tools / "go"
        go.write_text(FAKE_GO)
        go.chmod(0o755)

    def environment(self, path: str | None = None, **variables: str) -> dict[str, str]:
        path = f"{self.tools}:{SYSTEM}" if path is None else path
        told = {"PATH": path, "HOME": "/nowhere", "XDG_CACHE_HOME": str(self.cache), "FAKE_GO_CALLS": str(self.calls)}
        return told | variables

    def start(self, *arguments: str, path: str | None = None, **variables: str) -> subprocess.Popen[str]:
        command = [sys.executable, str(STACK), *(arguments or ("--build-only", "--format", "json"))]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True, env=self.environment(path, **variables))

    def run(self, *arguments: str, path: str | None = None, **variables: str) -> tuple[int, str, str]:
        """Exit code, standard output, standard error."""
        with self.start(*arguments, path=path, **variables) as process:
            out, err = process.communicate(timeout=60)
        return process.returncode, out, err

    def with_only(self, *names: str) -> str:
        """A PATH that has just these programs."""
        place = self.tools.with_name("only")
        place.mkdir()
        for name in names:
            (place / name).symlink_to(shutil.which(name) or f"/usr/bin/{name}")
        return str(place)

    @property
    def builds(self) -> int:
        return len(self.calls.read_text().splitlines()) if self.calls.exists() else 0


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def refusal(answer: tuple[int, str, str]) -> str:
    """The one sentence with which stack.py refused."""
    code, out, err = answer
    assert (code, out) == (2, "")
    [sentence] = [line for line in err.splitlines() if not line.startswith("Building otelcol and")]
    assert sentence.endswith(".")
    return sentence


def test_both_programs_are_built_once_and_reused_afterwards(machine: Machine) -> None:
    code, out, _ = machine.run()
    first = json.loads(out)

    assert (code, machine.builds) == (0, 2)
    assert all(Path(first[name]).is_relative_to(machine.cache) for name in ("collector", "jaeger"))
    assert machine.run() == (0, out, "")
    assert machine.builds == 2


def test_calls_side_by_side_build_once(machine: Machine) -> None:
    calls = [machine.start() for _ in range(3)]
    answers = [call.communicate(timeout=60)[0] for call in calls]

    assert [call.returncode for call in calls] == [0, 0, 0]
    assert len(set(answers)) == 1
    assert machine.builds == 2


def test_what_is_built_needs_no_go_any_more(machine: Machine) -> None:
    machine.run()

    assert machine.run(path=machine.with_only("prometheus", "prometheus-alertmanager"))[0] == 0


def test_a_build_that_was_killed_leaves_nothing_that_passes_for_finished(machine: Machine) -> None:
    with machine.start() as process:
        while machine.builds < 2:
            time.sleep(0.02)
        process.kill()
    time.sleep(1.5)  # longer than the build takes: its own process must be gone too
    assert not list(machine.cache.rglob("otelcol"))

    assert machine.run()[0] == 0
    assert machine.builds == 4


def test_a_failed_build_is_told_with_its_last_line_and_its_log(machine: Machine) -> None:
    sentence = refusal(machine.run(FAKE_GO_FAILS="1"))

    assert "Building otelcol failed (no such module)" in sentence
    assert "some line" in Path(sentence.split(" is in ")[1].removesuffix(".")).read_text()


def test_without_go_and_docker_both_ways_out_are_named(machine: Machine) -> None:
    path = machine.with_only("prometheus", "prometheus-alertmanager")

    assert refusal(machine.run(path=path)) == (
        "Neither Go nor Docker is on PATH: install Go 1.25 or later and run `make stack` again, "
        "or install Docker and run `docker compose up`."
    )


def test_without_go_but_with_docker_compose_is_named(machine: Machine) -> None:
    path = machine.with_only("prometheus", "prometheus-alertmanager")
    (Path(path) / "docker").symlink_to("/bin/true")

    assert "or run `docker compose up`, which needs none." in refusal(machine.run(path=path))


def test_a_go_that_is_too_old_is_named_with_its_version(machine: Machine) -> None:
    assert "is go1.19.8, too old" in refusal(machine.run(FAKE_GO_VERSION="go1.19.8"))


def test_without_apt_the_missing_packages_are_named_before_anything_is_built(machine: Machine) -> None:
    sentence = refusal(machine.run(path=str(machine.tools)))

    assert "no apt-get: install Prometheus and Alertmanager yourself" in sentence
    assert machine.builds == 0


def test_without_the_right_to_install_the_command_for_it_is_named(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", machine.with_only("apt-get"))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    with pytest.raises(Refusal, match=r"needs root: run `sudo apt-get install prometheus prometheus-alertmanager`, or"):
        packages.check()


def test_redis_for_the_tests_has_no_other_way_than_its_package(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", machine.with_only("touch"))

    with pytest.raises(Refusal, match=r"Redis is not on PATH and .* install Redis yourself so that it is on PATH\.$"):
        packages.ensure(packages.REDIS)


def test_a_user_who_may_use_sudo_without_a_password_gets_the_packages(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The make-believe sudo is asked for `true`, then for the script, and then the programs are there."""
    path = machine.with_only("apt-get", "touch", "chmod", "sh")
    programs = f"{path}/prometheus {path}/prometheus-alertmanager"
    sudo = Path(path) / "sudo"
    sudo.write_text(f'#!/bin/sh\n[ "$*" = "-n true" ] && exit\ntouch {programs}; chmod +x {programs}\n')
    sudo.chmod(0o755)
    monkeypatch.setenv("PATH", path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(machine.cache))
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert packages.ensure() == (Path(path) / "prometheus", Path(path) / "prometheus-alertmanager")


def test_a_cache_that_cannot_be_written_is_named_with_the_variable_that_moves_it(
    machine: Machine, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    sentence = refusal(machine.run(XDG_CACHE_HOME=str(tmp_path / "file")))

    assert str(tmp_path / "file") in sentence
    assert "with XDG_CACHE_HOME" in sentence


def test_a_wrong_option_is_told_with_exit_code_2(machine: Machine) -> None:
    code, _, err = machine.run("--scrape-interval", "soon")

    assert code == 2
    assert "'soon' is not a number of seconds or minutes such as 15s" in err
