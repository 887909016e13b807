"""Where things are: files of the repository, the cache of builds, the directory of a running stack."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from spanstack.errors import Refusal

ROOT = Path(__file__).resolve().parents[3]
DEPLOY = ROOT / "deploy"
COLLECTOR_CONFIG = ROOT / "collector-config.yaml"
COLLECTOR_MODULE = DEPLOY / "collector"
JAEGER_CONFIG = DEPLOY / "jaeger" / "config.yaml"
JAEGER_UI_CONFIG = DEPLOY / "jaeger" / "ui.json"
PROMETHEUS_CONFIG = DEPLOY / "prometheus" / "prometheus.yml"
PROMETHEUS_RULES = DEPLOY / "prometheus" / "rules.yml"
ALERTMANAGER_CONFIG = DEPLOY / "alertmanager" / "alertmanager.yml"


@dataclass(frozen=True)
class Binaries:
    """The four programs of the stack, ready to start."""

    collector: Path
    jaeger: Path
    prometheus: Path
    alertmanager: Path


def _base(variable: str, default: str) -> Path:
    """Directory named by an XDG variable; a relative one is ignored, as the XDG specification demands."""
    given = Path(os.environ.get(variable, ""))
    return given if given.is_absolute() else Path.home() / default


def cache_dir() -> Path:
    """Where builds are kept, outside the work tree. Created if need be."""
    return make_writable(_base("XDG_CACHE_HOME", ".cache") / "spanledger" / "stack", "XDG_CACHE_HOME")


def default_state_dir() -> Path:
    """Where a stack keeps queue, traces, metrics and logs unless it is told another place."""
    return _base("XDG_STATE_HOME", ".local/state") / "spanledger" / "stack"


def make_writable(path: Path, setting: str) -> Path:
    """The directory `path`, created and tried out by writing a file into it. `setting` can move it elsewhere."""
    probe = path / f".probe-{os.getpid()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe.touch()
        probe.unlink()
    except OSError as error:
        reason = error.strerror or str(error)
        raise Refusal(
            f"The directory {path} cannot be written ({reason}): name a writable one with {setting}."
        ) from error
    return path


def digest(parts: list[bytes]) -> str:
    """Twelve hex digits that change when any of the parts does."""
    total = hashlib.sha256()
    for part in parts:
        total.update(hashlib.sha256(part).digest())
    return total.hexdigest()[:12]
