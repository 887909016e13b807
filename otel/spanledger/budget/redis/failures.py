"""What errors of Redis and of the way to it mean to somebody who runs an app, and the way out."""

from __future__ import annotations

from redis import exceptions

from spanledger.budget.store import StoreError

_PASSWORD = "it wants another user or password; write redis://user:password@host:6379/0"  # noqa: S105
_MEANING: tuple[tuple[type[Exception], str], ...] = (
    (exceptions.AuthenticationError, _PASSWORD),
    (exceptions.AuthenticationWrongNumberOfArgsError, _PASSWORD),
    (exceptions.NoPermissionError, "this user may not do what the store needs; allow it the commands and the keys"),
    (exceptions.BusyLoadingError, "it is still loading its data"),
    (exceptions.ReadOnlyError, "it is a replica that takes no changes; name the primary"),
    (exceptions.OutOfMemoryError, "its memory is full; give it more, with maxmemory-policy noeviction"),
    (exceptions.ClusterDownError, "its cluster is down"),
    (exceptions.MovedError, "its cluster keeps moving the keys"),
    (exceptions.AskError, "its cluster is just moving the keys"),
    (exceptions.InvalidResponse, "what answers there is no Redis"),
    (exceptions.TimeoutError, "it did not answer in time"),
    (exceptions.ConnectionError, "it cannot be reached"),
)
_CODES = {
    "NOAUTH": _PASSWORD,
    "WRONGPASS": _PASSWORD,
    "OOM": "its memory is full; give it more, with maxmemory-policy noeviction",
    "READONLY": "it is a replica that takes no changes; name the primary",
    "MISCONF": "it cannot save its data and therefore takes no changes; look at its log and its disk",
    "NOREPLICAS": "it takes no changes while too few of its replicas are there",
    "BUSY": "a script keeps it busy",
    "WRONGTYPE": "its keys belong to something else; name another prefix: redis://host:6379/0?prefix=NAME",
}


def told(name: str, error: BaseException) -> StoreError:
    """A failure as `StoreError`: which server, what is the matter, what to do."""
    code = str(error).partition(" ")[0].rstrip(":")
    meaning = _CODES.get(code) or next(
        (meaning for kind, meaning in _MEANING if isinstance(error, kind)), "it cannot be used"
    )
    detail = " ".join(str(error).split())[:200] or type(error).__name__
    return StoreError(f"budget store {name}: {meaning} ({detail})")
