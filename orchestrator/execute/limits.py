"""The limits of a job: what the warden is asked to enforce, who enforces what, and what nobody can here.

`RLIMIT_NPROC` counts all processes of a user and `RLIMIT_RSS` does nothing, so neither is used. Control groups are
not used either.
"""

from __future__ import annotations

import math
import resource
from collections.abc import Iterable
from functools import lru_cache

from orchestrator.errors import RefusedError
from orchestrator.plan.model import NO_LIMITS, Limits, PlannedJob

# Resources with soft and hard limit, bytes of all processes together, CPU seconds of all together; 0 for no limit.
LimitRequest = tuple[tuple[tuple[int, int, int], ...], int, float]

ENFORCERS = {
    "memory": "rlimit, watchdog",
    "cpu_time": "rlimit, watchdog",
    "open_files": "rlimit",
    "file_size": "rlimit",
    "core": "rlimit",
    "log": "pexec",
}


@lru_cache(maxsize=64)
def request_of(limits: Limits) -> LimitRequest | None:
    """What the warden needs to know; None if there is nothing for it to enforce."""
    wanted = (
        (resource.RLIMIT_NOFILE, limits.open_files),
        (resource.RLIMIT_FSIZE, limits.file_size),
        (resource.RLIMIT_CORE, limits.core),
        (resource.RLIMIT_DATA, limits.memory),
    )
    triples = [(kind, value, value) for kind, value in wanted if value is not None]
    if limits.cpu_time is not None:
        # At the soft limit comes a signal that says what it is for, at the hard one KILL.
        whole = math.ceil(limits.cpu_time)
        triples.append((resource.RLIMIT_CPU, whole, whole + 1))
    return (tuple(triples), limits.memory or 0, limits.cpu_time or 0.0) if triples else None


def needs_pipe(limits: Limits) -> bool:
    """Whether the job may not write its log itself: the log has a limit, or that of its files would count for it."""
    return limits.log is not None or limits.file_size is not None


def enforced_by(limits: Limits) -> dict[str, str]:
    """Limit -> who enforces it, for those that the job has and that somebody does enforce."""
    return {name: ENFORCERS[name] for name in _given(limits) if name in ENFORCERS}


def unenforceable(limits: Limits) -> list[str]:
    """The limits that the job has and that nobody can enforce on this machine."""
    return [name for name in _given(limits) if name not in ENFORCERS]


def missing_for(jobs: Iterable[PlannedJob]) -> tuple[tuple[str, str], ...]:
    """What of these jobs' limits cannot be had: each with the reason."""
    distinct = {id(job.spec.limits): job.spec.limits for job in jobs}  # most jobs share those of the defaults
    names = {name for limits in distinct.values() for name in unenforceable(limits)}
    why = "Linux counts the processes of a whole user; only a control group counts those of one job"
    return tuple((f"the limit `{name}`", why) for name in sorted(names))


def refuse_missing(jobs: Iterable[PlannedJob]) -> None:
    """Raises RefusedError for the first job that requires its limits and has one that nobody can enforce here."""
    for job in jobs:
        if job.spec.require_limits and (names := unenforceable(job.spec.limits)):
            raise RefusedError(
                f"the limit `{names[0]}` of `{job.id}` cannot be enforced on this machine",
                help="remove it, or do without `require_limits`",
                code="PX403",
            )


def _given(limits: Limits) -> list[str]:
    if limits is NO_LIMITS:
        return []
    return [name for name in limits.__struct_fields__ if getattr(limits, name) is not None]
