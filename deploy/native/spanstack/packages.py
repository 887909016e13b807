"""From the distribution: Prometheus and Alertmanager for the stack, Redis, PostgreSQL and Chromium for the tests."""

import fcntl
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

from spanstack.errors import Refusal
from spanstack.layout import cache_dir
from spanstack.output import say

SCRIPT = Path(__file__).with_name("apt-install.sh")


@dataclass(frozen=True)
class Package:
    """A package of Debian, and the names its program may have: Debian's first, then that of the project itself.

    `folders` are where Debian keeps it beside PATH, the newest version last in the order of names.
    """

    title: str
    name: str
    programs: tuple[str, ...]
    folders: str = ""

    def find(self) -> Path | None:
        """Its program on PATH, or in its folder."""
        beside = sorted(map(str, Path("/").glob(self.folders)), reverse=True) if self.folders else []
        path = os.pathsep.join([os.environ.get("PATH", os.defpath), *beside])
        found = next(filter(None, (shutil.which(program, path=path) for program in self.programs)), None)
        return Path(found) if found else None


@dataclass(frozen=True)
class Wanted:
    """Packages that are needed together. `otherwise` is the way out where they cannot be installed."""

    packages: tuple[Package, ...]
    otherwise: str = ""

    def titles(self, word: str) -> str:
        """What people call them."""
        return f" {word} ".join(package.title for package in self.packages)

    @property
    def by_hand(self) -> str:
        """What else can be done."""
        all_of_it = "both are" if len(self.packages) == 2 else "it is"
        return f"install {self.titles('and')} yourself so that {all_of_it} on PATH{self.otherwise}"


STACK = Wanted(
    (
        Package("Prometheus", "prometheus", ("prometheus",)),
        Package("Alertmanager", "prometheus-alertmanager", ("prometheus-alertmanager", "alertmanager")),
    ),
    ", or run `docker compose up`",
)
REDIS = Wanted((Package("Redis", "redis-server", ("redis-server",)),))
CHROMIUM = Wanted((Package("Chromium", "chromium", ("chromium",)),))
POSTGRES = Wanted((Package("PostgreSQL", "postgresql", ("postgres",), "usr/lib/postgresql/*/bin"),))


def find(wanted: Wanted = STACK) -> tuple[Path, ...] | None:
    """The programs on PATH, if all are there."""
    found = [path for package in wanted.packages if (path := package.find())]
    return tuple(found) if len(found) == len(wanted.packages) else None


def ensure(wanted: Wanted = STACK) -> tuple[Path, ...]:
    """The programs, installed first where they are missing; their services are not started."""
    return find(wanted) or _installed(_installer(wanted), wanted)


def check(wanted: Wanted = STACK) -> None:
    """Refuses where `ensure` could not do its work."""
    if find(wanted) is None:
        _installer(wanted)


def _installer(wanted: Wanted) -> list[str]:
    """The command that runs apt as root."""
    names = [package.name for package in wanted.packages]
    missing = f"{wanted.titles('or')} is not on PATH and"
    apt = shutil.which("apt-get")
    if apt is None:
        raise Refusal(f"{missing} this system has no apt-get: {wanted.by_hand}.")
    if os.geteuid() == 0:
        return ["sh", str(SCRIPT), *names]
    sudo = shutil.which("sudo")
    if sudo and subprocess.run([sudo, "-n", "true"], capture_output=True, check=False).returncode == 0:
        return [sudo, "-n", "sh", str(SCRIPT), *names]
    raise Refusal(f"{missing} installing needs root: run `sudo apt-get install {' '.join(names)}`{wanted.otherwise}.")


def _installed(command: list[str], wanted: Wanted) -> tuple[Path, ...]:
    """Runs the installer, unless another call has done so while we waited for it."""
    cache = cache_dir()
    log = cache / "apt.log"
    with (cache / "apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if found := find(wanted):
            return found
        say(f"Installing {wanted.titles('and')} from the distribution; no service is started.")
        with log.open("wb") as sink:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=sink, stderr=subprocess.STDOUT, check=False)
    found = find(wanted)
    if done.returncode or found is None:
        raise Refusal(f"apt-get could not install {wanted.titles('and')} (see {log}): {wanted.by_hand}.")
    return found
