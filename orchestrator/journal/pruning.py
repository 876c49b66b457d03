"""Removing old runs: whole folders, never one that is driven by somebody, never through a link."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass

from orchestrator.errors import RefusedError
from orchestrator.journal.folders import failed, open_root
from orchestrator.journal.liveness import is_driven, last_event
from orchestrator.journal.rundir import list_runs, open_run

KEEP = 20
_DOOMED = ".pruned-"


@dataclass(frozen=True, slots=True)
class Pruned:
    """Runs by their ids, oldest first: those that are removed, and the old ones that stay, each with the reason."""

    removed: tuple[str, ...]
    kept: tuple[tuple[str, str], ...]


def prune(root: str, keep: int = KEEP, *, interrupted: bool = False, dry_run: bool = False) -> Pruned:
    """Remove all but the newest `keep` runs of `root`; those that did not end only if `interrupted` says so.

    Raises EnvironmentFailedError.
    """
    old = list_runs(root)[: -keep or None]
    removed: list[str] = []
    kept: list[tuple[str, str]] = []
    for run_id in old:
        why = _reason_to_stay(root, run_id, interrupted=interrupted, dry_run=dry_run)
        if why is None:
            removed.append(run_id)
        else:
            kept.append((run_id, why))
    if old and not dry_run:
        _sweep(root)
    return Pruned(tuple(removed), tuple(kept))


def _reason_to_stay(root: str, run_id: str, *, interrupted: bool, dry_run: bool) -> str | None:
    """Why this run stays; if nothing speaks for it, it goes to where `_sweep` finds it."""
    with open_run(root, run_id) as run:
        if is_driven(run):
            return "it is running"
        if not interrupted and not _has_ended(last_event(run)):
            return "it was interrupted and can go on"
        if dry_run:
            return None
        try:
            run.lock()
        except RefusedError:
            return "it is running"
        if not interrupted and not _has_ended(last_event(run)):  # somebody went on with it just now
            return "it was interrupted and can go on"
        _doom(root, run_id)
    return None


def _has_ended(event: Sequence[str] | dict[str, object] | None) -> bool:
    return isinstance(event, dict) and event.get("event") == "run.finished"


def _doom(root: str, run_id: str) -> None:
    """Give it a name under which no command finds it, so that no half of a run is ever seen."""
    parent = open_root(os.path.abspath(root), create=False)
    try:
        os.rename(run_id, _DOOMED + run_id, src_dir_fd=parent, dst_dir_fd=parent)
    except OSError as error:
        raise failed(f"`{root}/{run_id}` cannot be removed", error) from error
    finally:
        os.close(parent)


def _sweep(root: str) -> None:
    """Remove what was given up, also by a process that was killed while it pruned."""
    parent = open_root(os.path.abspath(root), create=False)
    try:
        for name in os.listdir(parent):
            if name.startswith(_DOOMED):
                shutil.rmtree(name, dir_fd=parent)
    except OSError as error:
        raise failed(f"`{root}` cannot be cleared", error) from error
    finally:
        os.close(parent)
