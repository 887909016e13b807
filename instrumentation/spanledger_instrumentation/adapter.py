"""What every adapter is: a set of patch points that are patched once their library has been imported."""

from __future__ import annotations

import importlib.metadata
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from types import ModuleType, TracebackType
from typing import Any, ClassVar, Literal

import wrapt

from spanledger.call import Calls
from spanledger.errors import BudgetExceeded, contained, failed, log
from spanledger_instrumentation.wrapped import Wrapped

State = Literal["waiting", "patched", "missing"]


@dataclass(slots=True)
class PatchPoint:
    """One place in a library that an adapter wraps. `missing`: the library is imported and does not have it."""

    module: str
    path: str
    required: bool = True
    state: State = "waiting"


class Understanding(AbstractContextManager[None]):
    """A block in which a request is understood. A failure of ours there is contained, as all are.

    But a call that is not understood is not held either: under a hard budget it is refused instead of being let go.
    """

    def __init__(self, calls: Calls, library: str) -> None:
        self._calls = calls
        self._library = library

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_back: TracebackType | None
    ) -> bool:
        if not isinstance(error, Exception) or isinstance(error, BudgetExceeded):
            return False
        failed(self._library, error)
        self._calls.payers.unmetered(f"the request cannot be understood: {error!r}")
        return True


class Adapter(ABC):
    """Base of the adapters. A subclass names its `library` and, in `install`, its patch points and import hooks."""

    #: Name of the distribution that is instrumented, as on the package index.
    library: ClassVar[str] = ""

    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.points: list[PatchPoint] = []
        self.understanding = Understanding(calls, self.library)
        self._undo: list[Callable[[], None]] = []
        self._epoch = 0

    @abstractmethod
    def install(self) -> None:
        """Register the import hooks. Imports nothing."""

    def uninstall(self) -> None:
        """Put everything back that was wrapped, and withdraw the hooks whose library was never imported."""
        self._epoch += 1
        while self._undo:
            self._undo.pop()()
        for point in self.points:
            point.state = "waiting"

    @property
    def version(self) -> str | None:
        """Version of the installed library, None if it is not installed."""
        try:
            return importlib.metadata.version(self.library)
        except importlib.metadata.PackageNotFoundError:
            return None

    def when_imported(self, module: str, do: Callable[[ModuleType], None]) -> None:
        """Call `do` with the module as soon as it has been imported, or now if it has been."""
        epoch = self._epoch

        def contained_do(imported: ModuleType) -> None:
            if epoch == self._epoch:
                with contained(self.library):
                    do(imported)

        if module in sys.modules:
            contained_do(sys.modules[module])
        else:
            wrapt.register_post_import_hook(contained_do, module)

    def wrap(self, module: str, path: str, wrapper: Callable[..., Any], *, required: bool = True) -> None:
        """Wrap `module:path` once the module has been imported.

        `wrapper(wrapped, instance, args, kwargs)` as wrapt has it. A required point that the library does not have is
        logged and shown by `spanledger doctor`; it is never passed over in silence.
        """
        point = PatchPoint(module, path, required)
        self.points.append(point)

        def patch(imported: ModuleType) -> None:
            try:
                parent, attribute, original = wrapt.resolve_path(imported, path)
            except AttributeError:
                point.state = "missing"
                if required:
                    log.warning(
                        "%s %s has no %s.%s: its calls are not metered", self.library, self.version, module, path
                    )
                return
            wrapt.wrap_object(parent, attribute, Wrapped, (wrapper,))
            self._undo.append(lambda: setattr(parent, attribute, original))
            point.state = "patched"

        self.when_imported(module, patch)
