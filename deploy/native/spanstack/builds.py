"""Collector and Jaeger, built from their Go modules into a cache that outlives the work tree.

A build's directory is named by version and by a hash of all that goes into it. It appears under that name by one
rename, complete or not at all, and a lock lets parallel calls wait for one build instead of making two.
"""

import fcntl
import json
import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from spanstack import children, golang
from spanstack.errors import Refusal
from spanstack.layout import COLLECTOR_MODULE, cache_dir, digest
from spanstack.output import say

COLLECTOR_VERSION = "0.155.0"
JAEGER_VERSION = "1.76.0"
"""Module version of github.com/jaegertracing/jaeger; the Jaeger v2 inside calls itself v2.13."""
JAEGER_MODULE = f"github.com/jaegertracing/jaeger@v{JAEGER_VERSION}"
FLAGS = ("-buildvcs=false", "-trimpath", "-ldflags=-s -w")


@dataclass(frozen=True)
class Recipe:
    """How one program is made: `go build FLAGS arguments` in the directory that `source` finds."""

    program: str
    key: str
    source: Callable[[str], Path]
    arguments: tuple[str, ...]

    def binary(self, cache: Path) -> Path:
        """Where the finished program is."""
        return cache / self.key / self.program


def _key(program: str, version: str, inputs: list[bytes]) -> str:
    where = f"{platform.system()}-{platform.machine()}".lower()
    return f"{program}-{version}-{where}-{digest([*inputs, ' '.join(FLAGS).encode()])}"


def collector() -> Recipe:
    """Our collector, from the generated module in deploy/collector."""
    sources = sorted(path for pattern in ("*.go", "go.*", "*.yaml") for path in COLLECTOR_MODULE.glob(pattern))
    key = _key("otelcol", COLLECTOR_VERSION, [path.read_bytes() for path in sources])
    return Recipe("otelcol", key, lambda _: COLLECTOR_MODULE, ("-tags", "grpcnotrace", "."))


def jaeger() -> Recipe:
    """Jaeger, from its own module and against its own go.sum."""
    return Recipe("jaeger", _key("jaeger", JAEGER_VERSION, []), _jaeger_source, ("./cmd/jaeger",))


def _jaeger_source(go: str) -> Path:
    """Directory of Jaeger's module in Go's module cache. `go install` of the nested path does not resolve."""
    command = [go, "mod", "download", "-json", JAEGER_MODULE]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=_environment())
    answer = json.loads(done.stdout or "{}")
    if done.returncode or "Dir" not in answer:
        reason = answer.get("Error") or (done.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise Refusal(f"Go could not fetch {JAEGER_MODULE} ({reason}): check the network and GOPROXY.")
    return Path(answer["Dir"])


def _environment() -> dict[str, str]:
    """Ours, without what would make this build differ from the next one."""
    return {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOFLAGS": ""}


def build() -> tuple[Path, Path]:
    """Paths of collector and Jaeger, built first where the cache does not hold them."""
    cache = cache_dir()
    recipes = [collector(), jaeger()]
    if _missing(recipes, cache):
        with _lock(cache / "build.lock"):
            _make(_missing(recipes, cache), cache)  # another call may have built them while we waited
    found, other = (recipe.binary(cache) for recipe in recipes)
    return found, other


def is_built() -> bool:
    """Whether `build` would find everything in the cache."""
    return not _missing([collector(), jaeger()], cache_dir())


def _missing(recipes: list[Recipe], cache: Path) -> list[Recipe]:
    return [recipe for recipe in recipes if not recipe.binary(cache).exists()]


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Holds `path` against other calls; the kernel lets go of it if we die."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("Another call is building the stack; waiting for it.")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _make(recipes: list[Recipe], cache: Path) -> None:
    """Builds the recipes side by side."""
    if not recipes:
        return
    go = golang.find_go()
    names = " and ".join(recipe.program for recipe in recipes)
    say(f"Building {names} into {cache}; the first time this takes some minutes.")
    with ExitStack() as clearing:
        running = [(recipe, clearing.enter_context(_build_of(recipe, go, cache))) for recipe in recipes]
        for recipe, process in running:
            _finish(recipe, process, cache)


def _partial(recipe: Recipe, cache: Path) -> Path:
    return cache / f"{recipe.key}.partial"


@contextmanager
def _build_of(recipe: Recipe, go: str, cache: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A build that is under way; nothing of it is left at the end of the block but what `_finish` took."""
    source = recipe.source(go)
    partial = _partial(recipe, cache)
    shutil.rmtree(partial, ignore_errors=True)  # left by a call that was killed
    partial.mkdir()
    command = [go, "build", *FLAGS, "-o", str(partial / recipe.program), *recipe.arguments]
    process = children.spawn(command, cache / f"{recipe.key}.log", _environment(), source)
    try:
        yield process
    finally:
        children.stop(process)
        shutil.rmtree(partial, ignore_errors=True)


def _finish(recipe: Recipe, process: subprocess.Popen[bytes], cache: Path) -> None:
    log = cache / f"{recipe.key}.log"
    if process.wait():
        last = (children.last_lines(log, 1) or ["no message"])[0]
        raise Refusal(f"Building {recipe.program} failed ({last}): the whole story is in {log}.")
    _partial(recipe, cache).rename(cache / recipe.key)
    log.unlink()
