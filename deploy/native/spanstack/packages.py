"""Prometheus and Alertmanager, from the distribution."""

import fcntl
import os
import shutil
import subprocess
from pathlib import Path

from spanstack.errors import Refusal
from spanstack.layout import cache_dir
from spanstack.output import say

SCRIPT = Path(__file__).with_name("apt-install.sh")
# Program names: Debian's first, then that of the projects themselves.
PROMETHEUS = ("prometheus",)
ALERTMANAGER = ("prometheus-alertmanager", "alertmanager")
BY_HAND = "install Prometheus and Alertmanager yourself so that both are on PATH, or run `docker compose up`"


def find() -> tuple[Path, Path] | None:
    """Prometheus and Alertmanager on PATH, if both are there."""
    prometheus, alertmanager = _which(PROMETHEUS), _which(ALERTMANAGER)
    return (prometheus, alertmanager) if prometheus and alertmanager else None


def _which(names: tuple[str, ...]) -> Path | None:
    found = next(filter(None, map(shutil.which, names)), None)
    return Path(found) if found else None


def ensure() -> tuple[Path, Path]:
    """Prometheus and Alertmanager, installed first where they are missing; their services are not started."""
    return find() or _installed(_installer())


def check() -> None:
    """Refuses where `ensure` could not do its work."""
    if find() is None:
        _installer()


def _installer() -> list[str]:
    """The command that runs apt as root."""
    apt = shutil.which("apt-get")
    if apt is None:
        raise Refusal(f"Prometheus or Alertmanager is not on PATH and this system has no apt-get: {BY_HAND}.")
    if os.geteuid() == 0:
        return ["sh", str(SCRIPT)]
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n", "sh", str(SCRIPT)]
    raise Refusal(
        "Prometheus or Alertmanager is not on PATH and installing them needs root: "
        "run `sudo apt-get install prometheus prometheus-alertmanager`, or run `docker compose up`."
    )


def _installed(command: list[str]) -> tuple[Path, Path]:
    """Runs the installer, unless another call has done so while we waited for it."""
    cache = cache_dir()
    log = cache / "apt.log"
    with (cache / "apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if found := find():
            return found
        say("Installing Prometheus and Alertmanager from the distribution; their services are not started.")
        with log.open("wb") as sink:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, check=False)
    found = find()
    if done.returncode or found is None:
        raise Refusal(f"apt-get could not install Prometheus and Alertmanager (see {log}): {BY_HAND}.")
    return found
