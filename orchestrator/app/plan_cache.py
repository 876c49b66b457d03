"""A cache of plans, so that `pexec apply` need not read, check and plan a manifest that has not changed.

That also saves importing the libraries for it, half of the startup time. A plan is cached only if it follows from the
manifest's own bytes, values of matrices that are listed from files, the command line and this version of pexec: no
include, file, parameter or condition, and no diagnostics. All of these are stored with it and compared. The cache is in
a directory that only this user may write to, never in a repository: a plan that someone else puts there would run what
the manifest does not contain.
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
from orchestrator.garbage_collection import collector_paused
from orchestrator.journal.safe_files import SAFE, open_regular, write_new
from orchestrator.plan.estimate import with_durations
from orchestrator.plan.inputs import PARAM_PREFIX
from orchestrator.plan.model import Plan
from orchestrator.usable_cpus import usable_cpus

if TYPE_CHECKING:
    from orchestrator.app.invocation import Invocation
    from orchestrator.app.planning import PlanningResult

_MOST_BYTES = 64 << 20  # of a manifest: reading its plan back takes a tenth of the time, but as much space on the disk
_MOST_PLANS = 50
_MOST_BYTES_OF_ALL = 256 << 20
_OTHERS_MAY_WRITE = stat.S_IWGRP | stat.S_IWOTH


class _CachedPlan(msgspec.Struct, frozen=True, array_like=True):
    """The content of a file: what the plan follows from (see `_inputs`), the plan with its checksum, and the values
    that were listed from other files."""

    inputs: bytes
    checksum: int
    plan: bytes
    listings: bytes = b""


class PlanCache:
    """The cached plan of one command line. An error in the cache only means that there is no plan in it."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._data: bytes | None = None
        self._inputs = b""
        if not _has_parameters(invocation):
            with contextlib.suppress(OSError):
                self._data = _manifest(invocation.manifest)
        if self._data is not None:
            self._inputs = _inputs(invocation, self._data)

    def recall(self) -> Plan | None:
        """The plan that `plan_manifest` would return now, if it is cached."""
        if self._data is None:
            return None
        try:
            directory = _open_directory()
            try:
                kept = msgspec.msgpack.decode(_read(directory, self._name), type=_CachedPlan)
            finally:
                os.close(directory)
            if kept.inputs != self._inputs or zlib.crc32(kept.plan) != kept.checksum:
                return None
            if kept.listings and not self._are_current(kept.listings):
                return None
            with collector_paused(freeze=True):
                plan = msgspec.msgpack.decode(kept.plan, type=Plan)
        except (OSError, EnvironmentFailedError, msgspec.DecodeError):
            return None
        durations = known_durations(self._invocation.run_root, plan.manifest)
        return with_durations(plan, durations) if durations else plan

    def _are_current(self, listings: bytes) -> bool:
        """Whether the same values would be listed now."""
        from orchestrator.manifest.axis_values import list_values
        from orchestrator.manifest.file_facts import Listing, ListingRequest  # late: most manifests list none

        base_dir = os.path.dirname(os.path.abspath(self._invocation.manifest))
        kept = msgspec.msgpack.decode(listings, type=tuple[tuple[ListingRequest, Listing], ...])
        return all(list_values(base_dir, request) == listing for request, listing in kept)

    def keep(self, result: PlanningResult) -> None:
        """Store the result of `plan_manifest`, if it can be cached."""
        if self._data is None or result.plan is None or not result.is_repeatable:
            return
        if result.plan.secrets:
            return  # the manifest may contain a value, which must not be copied to another file
        if result.texts.get(result.path) != self._data.decode("utf-8-sig"):
            return  # the manifest was changed while it was read
        with contextlib.suppress(OSError, EnvironmentFailedError, UnicodeEncodeError):
            plan = msgspec.msgpack.encode(with_durations(result.plan, {}))
            listings = msgspec.msgpack.encode(result.listings) if result.listings else b""
            kept = msgspec.msgpack.encode(_CachedPlan(self._inputs, zlib.crc32(plan), plan, listings))
            directory = _open_directory(create=True)
            try:
                _write(directory, self._name, kept)
                _remove_oldest(directory)
            finally:
                os.close(directory)

    @property
    def _name(self) -> str:
        """The name of the file. If two command lines share it, the last one keeps it."""
        return f"{zlib.crc32(self._inputs):08x}"


def _has_parameters(invocation: Invocation) -> bool:
    return bool(invocation.assignments) or any(name.startswith(PARAM_PREFIX) for name in invocation.environment.env)


def _manifest(path: str) -> bytes | None:
    """The bytes of the manifest; None if it is not a file, or is large."""
    if path == STDIN or not os.path.isfile(path):
        return None
    with open(path, "rb") as file:
        data = file.read(_MOST_BYTES + 1)
    return data if len(data) <= _MOST_BYTES else None


def _inputs(invocation: Invocation, data: bytes) -> bytes:
    """Everything that the plan follows from."""
    path = invocation.manifest
    inputs = (
        *(__version__, *_own_files(), path, os.path.dirname(os.path.abspath(path))),
        *(usable_cpus(), repr(invocation.overrides), repr(invocation.selection)),
    )
    return repr(inputs).encode("utf-8", "surrogateescape") + b"\0" + data


def _own_files() -> Iterable[int]:
    """When the code that reads and plans was last changed, so that developers of pexec get no stale plans."""
    here = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    rooms = [os.path.join(here, room) for room in ("manifest", "plan")]
    while rooms:
        with os.scandir(rooms.pop()) as entries:
            for entry in entries:
                if entry.name.endswith(".py"):
                    yield entry.stat().st_mtime_ns
                elif entry.is_dir() and entry.name != "__pycache__":
                    rooms.append(entry.path)


def _open_directory(*, create: bool = False) -> int:
    """The directory of the cache. Raises OSError unless only this user may write to it."""
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    if not os.path.isabs(home):
        raise OSError(0, "no home directory")
    path = os.path.join(home, "pexec", "plans")
    if create:
        os.makedirs(path, mode=0o700, exist_ok=True)
    directory = os.open(path, os.O_RDONLY | os.O_DIRECTORY | SAFE)
    status = os.fstat(directory)
    if status.st_uid != os.geteuid() or status.st_mode & _OTHERS_MAY_WRITE:
        os.close(directory)
        raise OSError(0, "another user may write there")
    return directory


def _read(directory: int, name: str) -> bytes:
    descriptor = open_regular(directory, name, os.O_RDONLY)
    with open(descriptor, "rb") as file:
        status = os.fstat(descriptor)
        if status.st_uid != os.geteuid() or status.st_mode & _OTHERS_MAY_WRITE:
            raise OSError(0, "another user may write there")
        return file.read()


def _write(directory: int, name: str, data: bytes) -> None:
    """Write by renaming: a reader finds the complete file or none."""
    temporary = f".{name}.{os.getpid()}"
    try:
        write_new(directory, temporary, data)
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        raise


def _remove_oldest(directory: int) -> None:
    """Keep as many of the latest plans as fit."""
    with os.scandir(directory) as entries:
        facts = [(entry.name, entry.stat(follow_symlinks=False)) for entry in entries]
    kept = size_of_all = 0
    for name, one in sorted(facts, key=lambda found: found[1].st_mtime_ns, reverse=True):
        size_of_all += one.st_size
        if kept == _MOST_PLANS or size_of_all > _MOST_BYTES_OF_ALL:
            os.unlink(name, dir_fd=directory)
        else:
            kept += 1
