"""Removing old runs: whole directories, never a run that a process drives, never through a link.

Any number of processes may prune at once: the one that renames a run removes it, and the others find it gone.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from msgspec import Struct

from orchestrator.errors import EnvironmentFailedError, RefusedError
from orchestrator.journal.liveness import first_event, is_driven, last_event
from orchestrator.journal.place_record import manifest_identity
from orchestrator.journal.rundir import RunDir, list_runs, open_run
from orchestrator.journal.safe_files import SAFE, failed, open_root, remove_tree
from orchestrator.plan.model import DEFAULT_KEEP_RUNS

KEEP = DEFAULT_KEEP_RUNS
_PRUNED = ".pruned-"


class Pruned(Struct, frozen=True):
    """Run ids, oldest first: the runs that were removed, and the old ones that were kept, each with the reason."""

    removed: tuple[str, ...]
    kept: tuple[tuple[str, str], ...]


def prune(
    root: str,
    keep: int = KEEP,
    *,
    interrupted: bool = False,
    sparing: bool = False,
    dry_run: bool = False,
    end: Callable[[RunDir], None] = lambda run: None,
) -> Pruned:
    """Remove all but the newest `keep` runs of `root`; interrupted runs only with `interrupted`, after `end(run)`.

    With `sparing`, for automatic pruning, the last run of a manifest is kept too unless it succeeded. Raises
    EnvironmentFailedError.
    """
    runs = list_runs(root)
    old = runs[: -keep or None]
    removed: list[str] = []
    kept: list[tuple[str, str]] = []
    for position, run_id in enumerate(old):
        try:
            with open_run(root, run_id) as run:
                why = _is_in_use(run, interrupted)
                if why is None and sparing and _is_wanted(root, run, runs[position + 1 :]):
                    why = "it did not succeed, and it is the last run of its manifest"
                if why is None and not dry_run:
                    why = _rename_away(root, run, interrupted, end)
        except EnvironmentFailedError:
            if os.path.lexists(os.path.join(root, run_id)):
                raise
            continue  # another process has just removed it
        if why is None:
            removed.append(run_id)
        else:
            kept.append((run_id, why))
    if old and not dry_run:
        _sweep(root)
    return Pruned(tuple(removed), tuple(kept))


def _is_in_use(run: RunDir, interrupted: bool) -> str | None:
    """Why this run is kept in any case."""
    if is_driven(run):
        return "it is running"
    if not interrupted and not _is(last_event(run), "run.finished"):
        return "it was interrupted and can be resumed"
    return None


def _is_wanted(root: str, run: RunDir, later: Sequence[str]) -> bool:
    """Whether a run that ended may still be resumed: it did not succeed, and its manifest has no later run."""
    end, begin = last_event(run), first_event(run)
    if end is None or begin is None or not _is(end, "run.finished") or end["result"] == "SUCCESS":
        return False
    return not any(manifest_identity(other) == manifest_identity(begin) for other in _first_events(root, later))


def _first_events(root: str, run_ids: Sequence[str]) -> list[Mapping[str, Any]]:
    found = []
    for run_id in run_ids:
        try:
            with open_run(root, run_id) as run:
                found.append(first_event(run))
        except EnvironmentFailedError:
            continue  # it is gone, or not readable: it cannot be resumed
    return [event for event in found if event is not None and _is(event, "run.started")]


def _is(event: Mapping[str, Any] | None, name: str) -> bool:
    return event is not None and event.get("event") == name


def _rename_away(root: str, run: RunDir, interrupted: bool, end: Callable[[RunDir], None]) -> str | None:
    """Give the run a name under which no command finds it, so that no partial run is ever seen. Or why not."""
    try:
        run.lock()
    except RefusedError:
        return "it is running"
    if not _is(last_event(run), "run.finished"):
        if not interrupted:  # it was resumed just now
            return "it was interrupted and can be resumed"
        end(run)
    parent = open_root(os.path.abspath(root), create=False)
    try:
        os.rename(run.run_id, _PRUNED + run.run_id, src_dir_fd=parent, dst_dir_fd=parent)
    except OSError as error:
        raise failed(f"`{root}/{run.run_id}` cannot be removed", error) from error
    finally:
        os.close(parent)
    return None


def _sweep(root: str) -> None:
    """Remove the renamed runs, including those of a process that was killed while pruning."""
    parent = open_root(os.path.abspath(root), create=False)
    try:
        for name in os.listdir(parent):
            if name.startswith(_PRUNED):
                _remove(name, parent)
    except OSError as error:
        raise failed(f"`{root}` cannot be cleared", error) from error
    finally:
        os.close(parent)


def _remove(name: str, parent: int) -> None:
    """The whole directory. Only one process at a time removes it; the others wait, and find it gone."""
    with suppress(FileNotFoundError):
        directory = os.open(name, os.O_RDONLY | os.O_DIRECTORY | SAFE, dir_fd=parent)
        try:
            with suppress(OSError):  # some network file systems cannot lock directories
                fcntl.flock(directory, fcntl.LOCK_EX)
            remove_tree(parent, name)
        finally:
            os.close(directory)
