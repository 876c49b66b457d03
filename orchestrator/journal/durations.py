"""How long jobs took in earlier runs: a small file beside the runs, by manifest and job. It may be deleted at any time.

Nothing depends on it but the order of ready jobs and an estimate: what cannot be read counts as nothing known, and what
cannot be written is left. Of two runs that end at once each adds what it knows: the file is read, joined and replaced
under a lock on its folder, and a reader finds the old file, the new one, or for a moment none.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Mapping

import msgspec

from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.file_names import HOME
from orchestrator.journal.safe_files import open_folder, open_regular, write_new

NAME = ".durations.json"
VERSION = 1
MOST_BYTES = 64 << 20  # a file of a million jobs; a larger one is not ours
MOST_MANIFESTS = 100
SPARE_JOBS = 1000  # of jobs that were not part of a run so many are remembered beside it
_PATIENCE = 0.2  # seconds to wait for another writer, who needs a few milliseconds
_PAUSE = 0.005
_LONGEST = 1e9

Seconds = Mapping[str, float]


def recall(run_root: str, manifest: str) -> dict[str, float]:
    """Job -> how many seconds it takes, as far as earlier runs of the manifest in this root tell. Never fails."""
    try:
        folder, above = _open_home(run_root)
    except (OSError, EnvironmentFailedError):
        return {}
    try:
        return _known(_read(folder).get(_key(manifest, above), {}))
    finally:
        os.close(folder)


def remember(run_root: str, manifest: str, seconds: Seconds) -> None:
    """Join what a run has shown to what is known. It never fails; a disk that is full only forgets it."""
    if not seconds:
        return
    with contextlib.suppress(OSError, EnvironmentFailedError):
        folder, above = _open_home(run_root)
        try:
            _lock(folder)
            store = _read(folder)
            key = _key(manifest, above)
            store[key] = joined(_known(store.pop(key, {})), seconds)  # the newest stands last
            for oldest in list(store)[:-MOST_MANIFESTS]:
                del store[oldest]
            _replace(folder, msgspec.json.encode({"version": VERSION, "manifests": store}))
        finally:
            os.close(folder)  # and with it the lock


def joined(known: Seconds, seen: Seconds) -> dict[str, float]:
    """What is known and what was seen just now; of a job that is in both the mean, so that older runs fade."""
    spare = [job for job in known if job not in seen][-SPARE_JOBS - len(seen) :]
    kept = {job: known[job] for job in spare}
    return kept | {job: round((known.get(job, value) + value) / 2, 4) for job, value in seen.items()}


def _open_home(run_root: str) -> tuple[int, str]:
    """The folder of the file: `.pexec` above the root, else the root itself; and the path that manifests count from."""
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
    """A manifest by its path from where the runs are, so that a project may move; standard input is `-`."""
    path = manifest if manifest == "-" else os.path.relpath(os.path.abspath(manifest), above)
    return path.encode(errors="backslashreplace").decode()


def _read(folder: int) -> dict[str, object]:
    """The manifests of the file; empty if it is missing, damaged, or of another version."""
    try:
        with open(open_regular(folder, NAME, os.O_RDONLY), "rb") as file:
            content = file.read(MOST_BYTES + 1)
        data = msgspec.json.decode(content) if len(content) <= MOST_BYTES else None
    except (OSError, msgspec.DecodeError, RecursionError):
        return {}
    manifests = data.get("manifests") if isinstance(data, dict) and data.get("version") == VERSION else None
    return manifests if isinstance(manifests, dict) else {}


def _known(jobs: object) -> dict[str, float]:
    """Only what can be true: the file may hold anything."""
    if not isinstance(jobs, dict):
        return {}
    return {job: float(value) for job, value in jobs.items() if type(value) in (int, float) and 0 <= value < _LONGEST}


def _lock(folder: int) -> None:
    """Raises OSError when another writer keeps it too long."""
    give_up_at = time.monotonic() + _PATIENCE
    while time.monotonic() < give_up_at:
        with contextlib.suppress(BlockingIOError):
            return fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
        time.sleep(_PAUSE)
    return fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)


def _replace(folder: int, data: bytes) -> None:
    temporary = f"{NAME}.tmp"  # one name: the lock is held, and what a killed writer left is taken over
    _remove(folder, temporary)
    try:
        write_new(folder, temporary, data)
        # A rename over a file makes ext4 put the new one on the disk first, which takes a hundred times as long.
        _remove(folder, NAME)
        os.rename(temporary, NAME, src_dir_fd=folder, dst_dir_fd=folder)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(temporary, dir_fd=folder)
        raise


def _remove(folder: int, name: str) -> None:
    with contextlib.suppress(FileNotFoundError):
        os.unlink(name, dir_fd=folder)
