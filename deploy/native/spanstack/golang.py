"""The Go command: is it there, and is it new enough."""

import re
import shutil
import subprocess

from spanstack.errors import Refusal

OLDEST = (1, 21)
"""From this version on Go fetches a newer toolchain by itself where a module asks for one."""


def find_go() -> str:
    """Path of the Go command; refuses where there is none that can build the stack."""
    go = shutil.which("go")
    if go is None:
        raise Refusal(_without_go())
    version = subprocess.run([go, "env", "GOVERSION"], capture_output=True, text=True, check=False).stdout.strip()
    found = re.match(r"go(\d+)\.(\d+)", version)
    if found and (int(found[1]), int(found[2])) < OLDEST:
        raise Refusal(f"{go} is {version}, too old to build the stack: install Go 1.25 or later.")
    return go


def _without_go() -> str:
    if shutil.which("docker"):
        return (
            "Go is not on PATH, and the collector and Jaeger are built with it: install Go 1.25 or later, "
            "or run `docker compose up`, which needs none."
        )
    return (
        "Neither Go nor Docker is on PATH: install Go 1.25 or later and run `make stack` again, "
        "or install Docker and run `docker compose up`."
    )
