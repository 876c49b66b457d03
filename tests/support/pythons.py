"""A Python that every user of this machine may run: that of the tests, or the system's with the same libraries."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import orchestrator

_ROOTS = (Path(orchestrator.__file__).parent.parent, Path(sys.prefix))
_SYSTEMS_OWN = f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}"  # the same version: compiled libraries fit


def everybody_may_read(path: Path) -> bool:
    """Whether every directory on the path, links followed, is open to other users."""
    real = path.resolve()
    ways = {*path.absolute().parents, *real.parents}
    return real.exists() and all(way.stat().st_mode & stat.S_IXOTH for way in ways)


def _python() -> str:
    fits = (python for python in (sys.executable, _SYSTEMS_OWN) if everybody_may_read(Path(python)))
    return next(fits, sys.executable)


PYTHON = _python()
IS_FOR_ALL = all(map(everybody_may_read, (Path(PYTHON), *_ROOTS)))

_BORROW = f"""\
import sys
sys.path[:0] = {[str(_ROOTS[0]), *(path for path in sys.path if path.startswith(sys.prefix))]!r}
from orchestrator.__main__ import program
program()
"""
_OWN = (sys.executable, "-m", "orchestrator")
# The command line of pexec that every user may run.
PROGRAM_FOR_ALL = _OWN if sys.executable == PYTHON else (PYTHON, "-c", _BORROW)
