"""Fast startup: modules that libraries import and pexec rarely uses are loaded on first use.

pexec is run by hooks and in loops, where 50 ms per start are noticeable. Only the command line does this: a program
that imports pexec keeps its modules as they are. Figures: docs/decisions/0024-startup.md.
"""

from __future__ import annotations

import gc
import importlib
import os
import sys
from importlib.machinery import PathFinder
from types import ModuleType
from typing import Any

_OBJECTS_BETWEEN_COLLECTIONS = 50_000


def start_quickly() -> None:
    """Must be called before any large import."""
    # Imports create many objects that stay and hardly any garbage: collecting at every 700 new objects takes a tenth
    # of the startup time.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    for stand_in in (
        _Lazy("asyncio"),  # imported by structlog for its asynchronous loggers: 16 ms
        _Lazy("msgspec.inspect"),  # imported by msgspec: 1 ms
        _NoTranslations("gettext"),
        _SystemOnly("platform"),
        _SubmodulesOnly("structlog"),
        _LazyLoggers("logging"),
    ):
        sys.modules.setdefault(stand_in.__name__, stand_in)
    _import_msgspec()


def _import_msgspec() -> None:
    """Import msgspec without `typing_extensions`, of which it uses only what `typing` has since Python 3.11: 7 ms."""
    if "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]  # makes its import fail, which msgspec handles
    try:
        import msgspec  # noqa: F401
    finally:
        del sys.modules["typing_extensions"]


class _Lazy(ModuleType):
    """Stands in for a module until one of its attributes is used. (The LazyLoader of importlib loads at `import`.)"""

    _has_modules = True  # so that `import name.inner` works

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and not (name == "__path__" and self._has_modules):
            raise AttributeError(name)
        return getattr(self.loaded(), name)

    def loaded(self) -> ModuleType:
        """The real module, which replaces the stand-in."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return importlib.import_module(self.__name__)


class _NoTranslations(_Lazy):
    """Stands in for `gettext`, in which argparse looks for translations: 2 ms. pexec prints English only."""

    _has_modules = False

    @staticmethod
    def gettext(message: str) -> str:
        """The text unchanged."""
        return message

    @staticmethod
    def ngettext(singular: str, plural: str, number: int) -> str:
        """The text unchanged."""
        return singular if number == 1 else plural


class _SystemOnly(_Lazy):
    """Stands in for `platform`, which uuid, imported by msgspec, uses for the name of the system: 1 ms."""

    _has_modules = False

    @staticmethod
    def system() -> str:
        """`Linux`."""
        return os.uname().sysname


class _LazyLoggers(_Lazy):
    """Stands in for `logging`, from which `concurrent.futures` gets a logger for exceptions in callbacks: 3 ms."""

    StreamHandler = object

    def getLogger(self, name: str | None = None) -> _Logger:  # noqa: N802
        """A logger that becomes real with its first message."""
        return _Logger(self, name)


class _Logger:
    def __init__(self, stand_in: _Lazy, name: str | None) -> None:
        self._stand_in = stand_in
        self._name = name

    def addHandler(self, handler: object) -> None:  # noqa: N802
        """Do nothing: `logging` has a handler of last resort, which writes to stderr."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stand_in.loaded().getLogger(self._name), name)


class _SubmodulesOnly(_Lazy):
    """Stands in for `structlog`, of which pexec uses the loggers but not the consoles, tracebacks and adapters for
    `logging`: 10 ms. Its modules can be imported; any attribute of it but its base class loads it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        spec = PathFinder.find_spec(name)
        self.__path__ = list(spec.submodule_search_locations or ()) if spec else []

    @property
    def BoundLoggerBase(self) -> Any:  # noqa: N802
        try:
            from structlog._base import BoundLoggerBase
        except ImportError:  # another version of structlog defines it elsewhere
            return self.__getattr__("BoundLoggerBase")
        return BoundLoggerBase
