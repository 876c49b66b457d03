"""How long jobs took in earlier runs: a small file next to the runs, by manifest and job. It may be deleted any time.

Only the order of ready jobs and an estimate depend on it: a file that cannot be read counts as empty, and one that
cannot be written is skipped. Two runs that end at the same time both add what they know: the file is read, merged and
replaced under a lock on its directory, and a reader finds the old file, the new one, or for a moment none.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.file_names import HOME
from orchestrator.journal.safe_files import open_folder, open_regular, write_new

NAME = ".durations.json"
VERSION = 1
MOST_BYTES = 64 << 20  # a file of a million jobs; a larger one was not written by pexec
MOST_MANIFESTS = 100
SPARE_JOBS = 1000  # how many jobs are remembered besides those of the latest run
_PATIENCE = 2.0  # seconds to wait for other writers: a few milliseconds each, or a second on a busy machine
_PAUSE = 0.005
_LONGEST = 1e9

Seconds = Mapping[str, float]


def recall(run_root: str, manifest: str) -> dict[str, float]:
    """Job -> how many seconds it took in earlier runs of the manifest in this root, if known. Never fails."""
    try:
        directory, above = _open_home(run_root)
    except (OSError, EnvironmentFailedError):
        return {}
    try:
        return _known(_read(directory).get(_key(manifest, above), {}))
    finally:
        os.close(directory)


def remember(run_root: str, manifest: str, seconds: Seconds, at_least: Seconds = MappingProxyType({})) -> None:
    """Add the durations of a run to those known; `at_least` are those of jobs that would have taken longer.

    Never fails: on a full disk they are only forgotten.
    """
    if not seconds and not at_least:
        return
    with contextlib.suppress(OSError, EnvironmentFailedError):
        directory, above = _open_home(run_root)
        try:
            _lock(directory)
            store = _read(directory)
            key = _key(manifest, above)
            store[key] = joined(_known(store.pop(key, {})), seconds, at_least)  # the newest is last
            for oldest in list(store)[:-MOST_MANIFESTS]:
                del store[oldest]
            _replace(directory, msgspec.json.encode({"version": VERSION, "manifests": store}))
        finally:
            os.close(directory)  # and with it the lock


def joined(known: Seconds, seen: Seconds, at_least: Seconds = MappingProxyType({})) -> dict[str, float]:
    """Known durations and those just measured; for a job in both the mean, so that older runs fade. For one that would
    have taken longer, what is known stays unless it is less."""
    new = {job: round((known.get(job, value) + value) / 2, 4) for job, value in seen.items()}
    new |= {job: max(known.get(job, 0.0), value) for job, value in at_least.items()}
    spare = [job for job in known if job not in new][-SPARE_JOBS - len(new) :]
    return {job: known[job] for job in spare} | new


def _open_home(run_root: str) -> tuple[int, str]:
    """The directory of the file (`.pexec` above the root, else the root itself), and the base of manifest paths."""
    root = os.path.abspath(run_root)
    above, name = os.path.split(root)
    if os.path.basename(above) == HOME:
        root, (above, name) = above, os.path.split(above)
    parent = os.open(above, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        return open_folder(parent, name, root), above
    finally:
        os.close(parent)


def _key(manifest: str, above: str) -> str:
    """A manifest by its path relative to where the runs are, so that a project may move; standard input is `-`."""
    path = manifest if manifest == "-" else os.path.relpath(os.path.abspath(manifest), above)
    return path.encode(errors="backslashreplace").decode()


def _read(directory: int) -> dict[str, object]:
    """The manifests of the file; empty if it is missing, damaged, or of another version."""
    try:
        with open(open_regular(directory, NAME, os.O_RDONLY), "rb") as file:
            content = file.read(MOST_BYTES + 1)
        data = msgspec.json.decode(content) if len(content) <= MOST_BYTES else None
    except (OSError, msgspec.DecodeError, RecursionError):
        return {}
    manifests = data.get("manifests") if isinstance(data, dict) and data.get("version") == VERSION else None
    return manifests if isinstance(manifests, dict) else {}


def _known(jobs: object) -> dict[str, float]:
    """Only plausible entries: the file may hold anything."""
    if not isinstance(jobs, dict):
        return {}
    return {job: float(value) for job, value in jobs.items() if type(value) in (int, float) and 0 <= value < _LONGEST}


def _lock(directory: int) -> None:
    """Raises OSError if another writer holds the lock too long."""
    give_up_at = time.monotonic() + _PATIENCE
    while time.monotonic() < give_up_at:
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(_PAUSE)
    return fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _replace(directory: int, data: bytes) -> None:
    temporary = f"{NAME}.tmp"  # always the same name: the lock is held, and what a killed writer left is overwritten
    _remove(directory, temporary)
    try:
        write_new(directory, temporary, data)
        # A rename over a file makes ext4 put the new one on the disk first, which takes a hundred times as long.
        _remove(directory, NAME)
        os.rename(temporary, NAME, src_dir_fd=directory, dst_dir_fd=directory)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=directory)
        raise


def _remove(directory: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=directory)
