"""The content of the scripts that jobs start, as it is when the plan is made: part of the jobs' digests."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from orchestrator.bounded_read import read_bounded
from orchestrator.plan.model import Plan, PlannedJob
from orchestrator.plan.script_hint import may_start_scripts

if TYPE_CHECKING:
    from orchestrator.plan.scripts import Scripts

MAX_SCRIPT_BYTES = 1 << 20

_NO_SCRIPTS: Scripts = {}


def with_scripts(plan: Plan, before: Callable[[], Plan] | None = None) -> Plan:
    """The plan with the scripts of its jobs and digests that cover them; the same plan if there are none.

    `before` returns the plan of the run that is resumed. A path of a job there that was not a script then is not looked
    at now: a job of the run may have made it, and a pexec that did not look at scripts recorded none.
    """
    if not any(may_start_scripts(job.spec) for job in plan.jobs):
        return plan
    from orchestrator.plan.scripts import script_paths, with_script_digests  # late, as the function above says

    paths = [script_paths(job.spec) for job in plan.jobs]
    if not any(paths):
        return plan
    earlier = {} if before is None else {job.id: job for job in before().jobs}
    content_of = _Digests(plan.base_dir)
    found = [
        _scripts_of(job, names, earlier.get(job.id), content_of) for job, names in zip(plan.jobs, paths, strict=True)
    ]
    return with_script_digests(plan, found) if any(found) else plan


def with_current_scripts(plan: Plan) -> Plan:
    """The plan of an earlier run, with the present content of the scripts that it recorded."""
    if not any(job.scripts for job in plan.jobs):
        return plan
    from orchestrator.plan.scripts import with_script_digests  # late: most runs start no script

    content_of = _Digests(plan.base_dir)
    return with_script_digests(plan, [{path: content_of[path] for path in job.scripts} for job in plan.jobs])


def _scripts_of(
    job: PlannedJob, paths: tuple[str, ...], before: PlannedJob | None, content_of: Mapping[str, str]
) -> Scripts:
    from orchestrator.plan.scripts import script_paths

    if not paths:
        return _NO_SCRIPTS
    if before is None:
        return {path: content_of[path] for path in paths if content_of[path]}
    unrecorded = set(script_paths(before.spec)) - before.scripts.keys()
    return {
        path: content_of[path]
        for path in paths
        if path in before.scripts or (path not in unrecorded and content_of[path])
    }


class _Digests(dict[str, str]):
    """Path relative to `base_dir` -> the digest of its content; empty if it is not a script. Each is read once."""

    def __init__(self, base_dir: str) -> None:
        super().__init__()
        self._base_dir = base_dir

    def __missing__(self, path: str) -> str:
        self[path] = digest = _digest(os.path.join(self._base_dir, path))
        return digest


def _digest(path: str) -> str:
    """The SHA-256 of a script, in hexadecimal; empty for what is not a regular text file of at most 1 MiB."""
    try:
        content = read_bounded(path, MAX_SCRIPT_BYTES + 1)
    except (OSError, ValueError):
        return ""
    if len(content) > MAX_SCRIPT_BYTES or b"\0" in content:
        return ""
    import hashlib  # late: most plans start no script, and it takes 3 ms

    return hashlib.sha256(content).hexdigest()
