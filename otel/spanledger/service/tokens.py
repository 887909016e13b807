"""The file of tokens: who may ask, for what, and for which tenant. It holds digests, never a token.

    tokens:
      - name: grafana
        sha256: 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08
        scopes: [read]
        tenant: acme          # sees this tenant alone; left out: all
        expires: 2027-01-01   # the first UTC day on which it no longer holds; left out: never

Tokens are 256 random bits, so a plain digest is as good as a slow one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from spanledger.errors import ConfigError, failed

Scope = Literal["read", "write", "admin"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
_SETTING = "SPANLEDGER_SERVICE_TOKENS"
_LONGEST = 256
_Text = Annotated[str, StringConstraints(min_length=1, max_length=_LONGEST)]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks. `tenant` is the only one it may see; None is all of them."""

    name: str
    scopes: frozenset[Scope]
    tenant: str | None = None

    def may(self, scope: Scope) -> bool:
        """Whether it may do what needs a scope; an admin may everything."""
        return scope in self.scopes or "admin" in self.scopes


class Token(BaseModel):
    """One entry of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: _Text
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
    scopes: tuple[Scope, ...] = Field(min_length=1)
    tenant: _Text | None = None
    expires: date | None = None

    def as_yaml(self) -> str:
        """As the file has it."""
        said = self.model_dump(mode="json", exclude_none=True)
        return str(yaml.safe_dump([said], sort_keys=False, allow_unicode=True)).rstrip()


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    tokens: tuple[Token, ...]


class Tokens:
    """The tokens of a file, read again when it has changed; a change that cannot be read leaves what was before.

    Raises:
        ConfigError: the file cannot be read.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._stamp = self._stamped()
        self._known = read(path)

    def caller(self, token: str, now: float) -> Caller | None:
        """Whose token it is; None for nobody's. All entries are compared, so that time tells nothing of them."""
        digest = digest_of(token)
        today = datetime.fromtimestamp(now, UTC).date()
        found: Token | None = None
        for one in self._current():
            if hmac.compare_digest(one.sha256, digest):
                found = one
        if found is None or (found.expires is not None and today >= found.expires):
            return None
        return Caller(found.name, frozenset(found.scopes), found.tenant)

    def _current(self) -> Sequence[Token]:
        with self._lock:
            try:
                stamp = self._stamped()
                if stamp != self._stamp:
                    self._stamp = stamp
                    self._known = read(self._path)
            except (OSError, ConfigError) as error:
                failed("service", error)
            return self._known

    def _stamped(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino


def read(path: Path) -> tuple[Token, ...]:
    """The entries of a file.

    Raises:
        ConfigError: it cannot be read, or is none. Says where.
    """
    try:
        said = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        raise ConfigError(f"{_SETTING}: {path} cannot be read: {error}") from error
    try:
        found = _File.model_validate(said).tokens
    except ValidationError as error:
        places = "; ".join(f"{'.'.join(map(str, one['loc'])) or 'file'}: {one['msg']}" for one in error.errors())
        raise ConfigError(f"{_SETTING}: {path} is no file of tokens: {places}; see docs/service.md") from None
    names = [one.name for one in found]
    if len(set(names)) < len(names):
        raise ConfigError(f"{_SETTING}: {path} has two tokens of one name; give each its own")
    return found


def digest_of(token: str) -> str:
    """What the file holds of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def new(name: str, scopes: Sequence[Scope], tenant: str | None) -> tuple[str, Token]:
    """A new token, and its entry. Raises ConfigError where the file could not hold it."""
    token = f"sl_{secrets.token_urlsafe(32)}"
    try:
        return token, Token(name=name, sha256=digest_of(token), scopes=tuple(scopes), tenant=tenant)
    except ValidationError as error:
        fields = " and ".join(str(one["loc"][0]) for one in error.errors())
        raise ConfigError(f"the {fields} of a token must have 1 to {_LONGEST} characters") from None
