"""What a job with `reads: declared` may see of its project."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from orchestrator.cache.model import Place
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec, Readable
from orchestrator.execute.reuse.fingerprints import Taken
from orchestrator.execute.sandbox.policy import Mechanism
from orchestrator.plan.model import JobSpec, Plan, PlannedJob

_FEW = 256  # files, which are made visible one by one
MOST = 4000


class TooManyFilesError(Exception):
    """More files than can be made visible one by one."""


def readable_by(job: PlannedJob, spec: JobSpec, taken: Taken, plan: Plan, place: Place) -> Readable:
    """The files of a job: its inputs, the output files of its needs, its script and what this starts, its env files and
    the manifest. Raises TooManyFilesError."""
    of_needs = (path for need in taken.needs.values() for path in need.listing.files)
    own = (*([] if spec.file is None else [spec.file]), *job.scripts, *spec.env_files, os.path.basename(plan.manifest))
    paths = {os.path.normpath(os.path.join(place.base_dir, path)) for path in (*taken.listing.files, *of_needs, *own)}
    files = sorted(path for path in paths if path.startswith(place.root + "/") and os.path.exists(path))
    if len(files) > _FEW:
        files = _with_whole_directories(files, place.root)
    if len(files) > MOST:
        raise TooManyFilesError(f"{len(files):,} files cannot be made visible one by one; at most {MOST:,} can")
    return Readable(place.root, tuple(files))


def _with_whole_directories(files: Iterable[str], root: str) -> list[str]:
    """The same with each directory in place of its files that has no others, at any depth."""
    wanted = set(files)
    directories = {os.path.dirname(path) for path in wanted}
    for directory in list(directories):
        while len(directory) > len(root) and (directory := os.path.dirname(directory)) not in directories:
            directories.add(directory)
    whole: set[str] = set()
    for directory in sorted(directories, key=len, reverse=True):
        if len(directory) > len(root) and _has_only(directory, wanted, whole):
            whole.add(directory)
    tops = {one for one in whole if os.path.dirname(one) not in whole}
    return sorted([*tops, *(path for path in wanted if os.path.dirname(path) not in whole)])


def _has_only(directory: str, files: set[str], whole: set[str]) -> bool:
    with suppress(OSError), os.scandir(directory) as entries:
        return all(
            entry.path in whole if entry.is_dir(follow_symlinks=False) else entry.path in files for entry in entries
        )
    return False


def why_not_hidden(spec: AttemptSpec, result: AttemptResult, why_not: str, *, was_checked: bool) -> str:
    """Why an attempt that has succeeded could read what its job does not declare; empty if it could not, or may.
    `why_not` is what was known of that before it began."""
    if why_not:
        return f"what it does not declare cannot be hidden from it: {why_not}"
    if spec.spec.reads != "declared":
        return ""
    if not was_checked:
        return "it was not checked, so that nothing was hidden from it"
    found = result.enforced_by.get("isolation", "nothing")
    if found == Mechanism.BUBBLEWRAP.value:
        return ""
    return f"what it does not declare was not hidden from it: on {spec.place.host} it was isolated by {found}"
