"""A quick start: what libraries import on the way, and this program never uses, is not loaded unless it is used.

pexec lives in hooks and loops, where 50 ms at each start are felt. Only the command line does this: a process of
somebody else's that imports pexec keeps its modules as they are.
"""

from __future__ import annotations

import gc
import importlib
import sys
from types import ModuleType
from typing import Any

_OBJECTS_BETWEEN_COLLECTIONS = 50_000


def start_quickly() -> None:
    """To be called before anything large is imported."""
    # Importing makes much that stays and hardly any garbage: looking for some at every 700 new objects takes a tenth
    # of the start.
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    # structlog imports it for its asynchronous loggers: 16 ms.
    _postpone(_Later("asyncio"))
    # pydantic imports it for the numbers of payment cards: 4 ms.
    _postpone(_Later("secrets"))
    _postpone(_NoPlugins("importlib.metadata"))


def _postpone(stand_in: _Later) -> None:
    sys.modules.setdefault(stand_in.__name__, stand_in)


class _Later(ModuleType):
    """Stands for a module until something of it is used. (The standard library's LazyLoader loads at `import`.)"""

    _has_modules = True  # `import name.inner` is to work

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and not (name == "__path__" and self._has_modules):
            raise AttributeError(name)
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(importlib.import_module(self.__name__), name)


class _NoPlugins(_Later):
    """Stands for `importlib.metadata`, which pydantic asks for its plugins: 19 ms, and as much again in an environment
    of a hundred packages. No plugin is wanted while strangers' files are read."""

    _has_modules = False  # its inner ones are its own affair, and `from ... import` asks for `__path__`

    @staticmethod
    def entry_points(**_selection: str) -> tuple[()]:
        """There are none."""
        return ()
