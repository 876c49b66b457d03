"""`--since REV`: a selection of the jobs that depend on what was changed since a revision of the repository."""

from __future__ import annotations

import os

from msgspec.structs import replace

from orchestrator.app.git_changes import git_changes
from orchestrator.app.invocation import Invocation
from orchestrator.app.job_cache import place_of
from orchestrator.app.planning import plan_invocation
from orchestrator.console.streams import write_stderr
from orchestrator.console.text import count, quote, visible
from orchestrator.execute.reuse.affected import Changes

_COMMIT = 8


def narrowed(invocation: Invocation, revision: str) -> Invocation | None:
    """The invocation with only the jobs that are affected, and what they need; None if there are none. The same if the
    manifest has errors, which planning it again reports. Says what it found. Raises UsageError."""
    result = plan_invocation(invocation)
    plan = result.plan
    if plan is None:
        return invocation
    place = place_of(plan)
    changes = git_changes(place.root, revision)
    manifests = [os.path.relpath(os.path.realpath(path), place.base_dir) for path in result.texts]
    found = Changes(
        place, changes.changed, changes.tracked, lambda path: os.path.isfile(os.path.join(place.root, path))
    ).affected(plan, manifests)
    since = f"{quote(revision)} ({changes.commit[:_COMMIT]})"
    if not found:
        write_stderr(f"pexec: nothing to do: no job depends on what has changed since {visible(since)}\n")
        return None
    jobs = count(len(plan.jobs), "job")
    write_stderr(f"pexec: {len(found)} of {jobs} depend on what has changed since {visible(since)}\n")
    only = tuple(plan.jobs[index].id for index in sorted(found))
    return replace(invocation, selection=replace(invocation.selection, only=only))
