"""Where a run belongs: the directory of its manifest, found from where the run lies now.

A project is moved, copied or mounted elsewhere together with its runs, and a run must then continue in that place,
never in the directory that its journal names, which may be another checkout. So a run records both directories when it
starts, and the path from one to the other is what counts later. Nothing here reads a manifest.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from orchestrator.diagnostics.repository import directories_upward
from orchestrator.errors import RefusedError
from orchestrator.journal.file_names import DEFAULT_ROOT
from orchestrator.journal.place_record import PLACE, get_path
from orchestrator.journal.rundir import RunDir


class RunPlace(Struct, frozen=True):
    """Where a run continues. `directory` is that of the manifest, from which the paths of jobs start; `recorded` is
    what the journal names instead if the run was moved or copied. `is_copy`: it also still lies where it started."""

    directory: str
    recorded: str = ""
    is_copy: bool = False


def find_place(rundir: RunDir, invocation: Mapping[str, Any], manifest: str, base_dir: str) -> RunPlace:
    """Where the run continues. `manifest` is the base name of its manifest, empty if it was not a file; `base_dir` the
    directory that its journal names.

    Raises RefusedError where that cannot be known, or is not the project in which the user is.
    """
    root = os.path.realpath(os.path.dirname(rundir.path))
    record = invocation.get(PLACE)
    if record is None:
        return _unrecorded_place(rundir, root, manifest, os.path.realpath(base_dir))
    old_root, old = get_path(record, "run_root"), get_path(record, "directory")
    if root == old_root:
        _refuse_from_another_project(rundir, root, manifest, old)
        return RunPlace(old)
    directory = _moved_along(old, old_root, root)
    expected = None if directory is None else os.path.join(directory, manifest)
    if directory is None or not os.path.lexists(expected or ""):
        raise _refusal(rundir, os.path.join(old, manifest), expected)
    if os.path.realpath(directory) != directory:
        raise _refusal(rundir, os.path.join(old, manifest), expected, "leads elsewhere through a link")
    return RunPlace(directory, old, is_copy=is_copy(rundir, invocation))


def is_copy(rundir: RunDir, invocation: Mapping[str, Any]) -> bool:
    """Whether the run also still lies where it started, as far as that was recorded. Raises RefusedError."""
    record = invocation.get(PLACE)
    if record is None:
        return False
    old_root = get_path(record, "run_root")
    is_moved = os.path.realpath(os.path.dirname(rundir.path)) != old_root
    return is_moved and os.path.isdir(os.path.join(old_root, rundir.run_id))


def _moved_along(directory: str, old_root: str, new_root: str) -> str | None:
    """Where `directory` is after a directory that contains it and `old_root` was moved, so that the runs are in
    `new_root` now. None if only the runs were moved."""
    common = os.path.commonpath([directory, old_root])
    inner = os.path.relpath(old_root, common)
    if inner == os.curdir:
        moved = new_root
    elif new_root.endswith(f"/{inner}"):
        moved = new_root.removesuffix(f"/{inner}") or "/"
    else:
        return None
    return os.path.normpath(os.path.join(moved, os.path.relpath(directory, common)))


def _unrecorded_place(rundir: RunDir, root: str, manifest: str, directory: str) -> RunPlace:
    """For a run of a pexec that did not record where its runs were: it must not have left its project."""
    if root.endswith(f"/{DEFAULT_ROOT}") and not _is_inside(directory, root.removesuffix(f"/{DEFAULT_ROOT}")):
        raise _refusal(rundir, os.path.join(directory, manifest), None)
    _refuse_from_another_project(rundir, root, manifest, directory)
    return RunPlace(directory)


def _refuse_from_another_project(rundir: RunDir, root: str, manifest: str, directory: str) -> None:
    """Refuse a run whose root is outside of its project where the user is in another one, perhaps a copy of it."""
    project = root.removesuffix(f"/{DEFAULT_ROOT}")
    if _is_inside(root, directory) or (project != root and _is_inside(directory, project)):
        return
    for above in directories_upward("."):
        here = os.path.realpath(above)
        if _is_inside(directory, here) or _is_inside(root, here):
            return
        if any(os.path.lexists(os.path.join(here, name)) for name in {manifest, "pexec.yaml", "pexec.yml"} if name):
            raise RefusedError(
                f"run `{rundir.run_id}` belongs to `{directory}`, not to `{here}`",
                help="change to that directory to resume it",
                code="PX408",
            )


def _is_inside(path: str, directory: str) -> bool:
    return path == directory or path.startswith(directory.rstrip("/") + "/")


def _refusal(rundir: RunDir, recorded: str, expected: str | None, problem: str = "does not exist") -> RefusedError:
    why = f"`{expected}` {problem}" if expected else "the runs were moved without it"
    return RefusedError(
        f"run `{rundir.run_id}` is not where it started, next to `{recorded}`: {why}",
        help="move the project as a whole, or start a new run with `pexec apply`",
        code="PX408",
    )
