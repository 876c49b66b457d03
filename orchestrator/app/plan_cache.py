"""Plans of manifests that have not changed, so that a second `pexec apply` need not read, check and plan them again.

That saves loading the libraries for it too, half of the start. Only a plan that follows from the manifest's own bytes,
the command line and this pexec alone is kept: no include, file, parameter or condition, and nothing to be told of it.
All these are kept beside it, and compared. It is kept where only this user may write, never in a repository: whoever
could put a plan there would run what the manifest does not say.
"""

from __future__ import annotations

import contextlib
import os
import stat
import zlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from orchestrator import __version__
from orchestrator.app.invocation import STDIN
from orchestrator.app.planning import known_durations
from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.safe_files import SAFE, open_regular, write_new
from orchestrator.plan.estimate import with_durations
from orchestrator.plan.inputs import PARAM_PREFIX
from orchestrator.plan.model import Plan

if TYPE_CHECKING:
    from orchestrator.app.invocation import Invocation
    from orchestrator.app.planning import PlanningResult

_MOST_BYTES = 4 << 20  # of a manifest; reading a larger plan back would not save enough
_MOST_PLANS = 50
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """A plan in its file: all that it follows from, as `_facts` tells it, and the plan with its checksum."""

    facts: bytes
    checksum: int
    plan: bytes


class PlanCache:
    """The plan of one command line, if there is one. What goes wrong here only means that there is none."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._data: bytes | None = None
        self._facts = b""
        if not _has_parameters(invocation):
            with contextlib.suppress(OSError):
                self._data = _manifest(invocation.manifest)
        if self._data is not None:
            self._facts = _facts(invocation, self._data)

    def recall(self) -> Plan | None:
        """The plan that `plan_manifest` would make now, if it is known."""
        if self._data is None:
            return None
        try:
            folder = _open_folder()
            try:
                kept = msgspec.msgpack.decode(_read(folder, self._name), type=_Kept)
            finally:
                os.close(folder)
            if kept.facts != self._facts or zlib.crc32(kept.plan) != kept.checksum:
                return None
            plan = msgspec.msgpack.decode(kept.plan, type=Plan)
        except (OSError, EnvironmentFailedError, msgspec.DecodeError):
            return None
        durations = known_durations(self._invocation.run_root, plan.manifest)
        return with_durations(plan, durations) if durations else plan

    def keep(self, result: PlanningResult) -> None:
        """Remember the result of `plan_manifest` for the next time."""
        if self._data is None or result.plan is None or not result.is_repeatable:
            return
        if result.plan.secrets:
            return  # the manifest may quote a value, which no file of ours may hold
        if result.texts.get(result.path) != self._data.decode("utf-8-sig"):
            return  # the manifest was changed between two looks at it
        with contextlib.suppress(OSError, EnvironmentFailedError, UnicodeEncodeError):
            plan = msgspec.msgpack.encode(with_durations(result.plan, {}))
            kept = msgspec.msgpack.encode(_Kept(self._facts, zlib.crc32(plan), plan))
            folder = _open_folder(create=True)
            try:
                _write(folder, self._name, kept)
                _remove_oldest(folder)
            finally:
                os.close(folder)

    @property
    def _name(self) -> str:
        """Of its file. Where two command lines share one, the last has it."""
        return f"{zlib.crc32(self._facts):08x}"


def _has_parameters(invocation: Invocation) -> bool:
    return bool(invocation.assignments) or any(name.startswith(PARAM_PREFIX) for name in invocation.environment.env)


def _manifest(path: str) -> bytes | None:
    """Its bytes; None for one that is not in a file, or a large one."""
    if path == STDIN or not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        data = file.read(_MOST_BYTES + 1)
    return data if len(data) <= _MOST_BYTES else None


def _facts(invocation: Invocation, data: bytes) -> bytes:
    """All that the plan follows from."""
    path = invocation.manifest
    facts = (
        *(__version__, *_own_files(), path, os.path.dirname(os.path.abspath(path))),
        *(len(os.sched_getaffinity(0)), repr(invocation.overrides), repr(invocation.selection)),
    )
    return repr(facts).encode("utf-8", "surrogateescape") + b"\0" + data


def _own_files() -> Iterable[int]:
    """When the code that reads and plans was changed: also somebody who works on pexec gets no old plan."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    rooms = [os.path.join(here, room) for room in ("manifest", "plan")]
    while rooms:
        with os.scandir(rooms.pop()) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    yield entry.stat().st_mtime_ns
                elif entry.is_dir() and entry.name != "__pycache__":
                    rooms.append(entry.path)


def _open_folder(*, create: bool = False) -> int:
    """The folder of plans, into which only this user may write. Raises OSError where none can be trusted."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    if not os.path.isabs(home):
        raise OSError(0, "no home folder")
    path = os.path.join(home, "pexec", "plans")
    if create:
        os.makedirs(path, mode=0o700, exist_ok=True)
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | SAFE)
    status = os.fstat(folder)
    if status.st_uid != os.geteuid() or status.st_mode & _OTHERS_MAY_WRITE:
        os.close(folder)
        raise OSError(0, "somebody else may write there")
    return folder


def _read(folder: int, name: str) -> bytes:
    descriptor = open_regular(folder, name, os.O_RDONLY)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or status.st_mode & _OTHERS_MAY_WRITE:
            raise OSError(0, "somebody else may write there")
        return file.read()


def _write(folder: int, name: str, data: bytes) -> None:
    """By rename: a reader finds the whole of it or nothing."""
    temporary = f".{name}.{os.getpid()}"
    try:
        write_new(folder, temporary, data)
        os.rename(temporary, name, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise


def _remove_oldest(folder: int) -> None:
    with os.scandir(folder) as entries:
        plans = sorted((entry.stat(follow_symlinks=False).st_mtime_ns, entry.name) for entry in entries)
    for _, name in plans[:-_MOST_PLANS]:
        os.unlink(name, dir_fd=folder)
