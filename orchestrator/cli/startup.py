"""A quick start: what libraries import on the way, and this program never uses, is not loaded unless it is used.

pexec lives in hooks and loops, where 50 ms at each start are felt. Only the command line does this: a process of
somebody else's that imports pexec keeps its modules as they are.
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
    """To be called before anything large is imported."""
    # Importing makes much that stays and hardly any garbage: looking for some at every 700 new objects takes a tenth
    # of the start.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    for stand_in in (
        _Later("asyncio"),  # structlog, for its asynchronous loggers: 16 ms
        _Later("msgspec.inspect"),  # msgspec: 1 ms
        _English("gettext"),
        _SystemAlone("platform"),
        _PartsAlone("structlog"),
        _LoggersLater("logging"),
    ):
        sys.modules.setdefault(stand_in.__name__, stand_in)
    _import_msgspec()


def _import_msgspec() -> None:
    """It takes from `typing_extensions` what `typing` has too since Python 3.11, and does without: 7 ms."""
    if "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]  # which says that there is none
    try:
        import msgspec  # noqa: F401
    finally:
        del sys.modules["typing_extensions"]


class _Later(ModuleType):
    """Stands for a module until something of it is used. (The standard library's LazyLoader loads at `import`.)"""

    _has_modules = True  # `import name.inner` is to work

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and not (name == "__path__" and self._has_modules):
            raise AttributeError(name)
        return getattr(self.loaded(), name)

    def loaded(self) -> ModuleType:
        """The module itself, which takes its place."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return importlib.import_module(self.__name__)


class _English(_Later):
    """Stands for `gettext`, in which argparse looks for translations: 2 ms. pexec speaks English, and so does argparse
    within it."""

    _has_modules = False

    @staticmethod
    def gettext(message: str) -> str:
        """As it is."""
        return message

    @staticmethod
    def ngettext(singular: str, plural: str, number: int) -> str:
        """As it is."""
        return singular if number == 1 else plural


class _SystemAlone(_Later):
    """Stands for `platform`, which uuid, which msgspec imports, asks for the name of the system: 1 ms."""

    _has_modules = False

    @staticmethod
    def system() -> str:
        """`Linux`."""
        return os.uname().sysname


class _LoggersLater(_Later):
    """Stands for `logging`, of which `concurrent.futures` wants a logger for what callbacks of a future raise: 3 ms."""

    StreamHandler = object

    def getLogger(self, name: str | None = None) -> _Logger:  # noqa: N802
        """One that becomes real with its first word."""
        return _Logger(self, name)


class _Logger:
    def __init__(self, stand_in: _Later, name: str | None) -> None:
        self._stand_in = stand_in
        self._name = name

    def addHandler(self, handler: object) -> None:  # noqa: N802
        """A last one, which writes to stderr, there always is."""

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stand_in.loaded().getLogger(self._name), name)


class _PartsAlone(_Later):
    """Stands for `structlog`, whose loggers are used here and whose consoles, tracebacks and ties to `logging` are not:
    10 ms. Its modules can be imported, and whatever is asked of itself but its base class loads it."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        spec = PathFinder.find_spec(name)
        self.__path__ = list(spec.submodule_search_locations or ()) if spec else []

    @property
    def BoundLoggerBase(self) -> Any:  # noqa: N802
        try:
            from structlog._base import BoundLoggerBase
        except ImportError:  # another structlog has it elsewhere
            return self.__getattr__("BoundLoggerBase")
        return BoundLoggerBase
