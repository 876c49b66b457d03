"""The limits of a job: what the warden enforces, which mechanism enforces which limit, and what cannot be enforced.

A control group counts what all processes of a job use together; without one, `RLIMIT_NPROC` counts all processes of a
user, except those in a user namespace of their own. `RLIMIT_RSS` does nothing.
"""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestrator.errors import RefusedError
from orchestrator.execute.sandbox.cgroups import CgroupParents, find
from orchestrator.execute.sandbox.policy import Mechanism
from orchestrator.execute.warden.protocol import AttemptLimits
from orchestrator.plan.model import NO_LIMITS, Isolation, JobSpec, Limits, PlannedJob

if TYPE_CHECKING:
    from orchestrator.execute.sandbox.isolation import Isolations

_CGROUP = "cgroup"
_ENFORCERS = {
    "memory": "rlimit, watchdog",
    "cpu_time": "rlimit, watchdog",
    "open_files": "rlimit",
    "file_size": "rlimit",
    "core": "rlimit",
    "log": "pexec",
}
_WHY_NO_PROCESSES = "Linux counts the processes of a whole user; only a control group counts those of one job"
# Processes of ours that count too: they are in the same user namespace as the job.
_EXTRA_PROCESSES = {Mechanism.NAMESPACES: 2, Mechanism.LANDLOCK: 2, Mechanism.BUBBLEWRAP: 1}


def needs_pipe(limits: Limits) -> bool:
    """Whether the job cannot write its log itself: the log has a limit, or the limit of its files would apply to it."""
    return limits.log is not None or limits.file_size is not None


class Enforcement:
    """What enforces limits on this machine. Control groups are looked for when a job first can use one.

    `warden_pid` is the process that moves into another group together with this one where that is necessary.
    """

    def __init__(self, isolations: Isolations, warden_pid: int) -> None:
        self._isolations = isolations
        self._warden_pid = warden_pid
        self._groups: CgroupParents | None = None
        self._requests: dict[tuple[Limits, Isolation], AttemptLimits | None] = {}

    @property
    def groups(self) -> CgroupParents:
        """The directories in which control groups can be made."""
        if self._groups is None:
            self._groups = find(self._warden_pid)
        return self._groups

    def close(self) -> None:
        """Remove the control groups, after all processes have ended."""
        if self._groups is not None:
            self._groups.close()

    def request_of(self, spec: JobSpec) -> AttemptLimits | None:
        """What the warden enforces; None if nothing."""
        key = spec.limits, spec.isolation
        if key not in self._requests:
            self._requests[key] = self._request_of(spec)
        return self._requests[key]

    def enforced_by(self, spec: JobSpec) -> dict[str, str]:
        """Limit -> what enforces it, for the limits that the job has and that are enforced."""
        found = {name: self._enforcer(name, spec) for name in _given(spec.limits)}
        return {name: enforcer for name, enforcer in found.items() if enforcer}

    def missing_for(self, jobs: Iterable[PlannedJob]) -> tuple[tuple[str, str], ...]:
        """The limits of these jobs that cannot be enforced, as (what, reason) pairs."""
        distinct = {(id(job.spec.limits), job.spec.isolation): job.spec for job in jobs}  # most share the defaults'
        return tuple(sorted({missing for spec in distinct.values() for missing in self.missing(spec)}))

    def missing(self, spec: JobSpec) -> list[tuple[str, str]]:
        """The limits of such a job that cannot be enforced, as (what, reason) pairs."""
        return [(f"the limit `{name}`", _WHY_NO_PROCESSES) for name in self._unenforceable(spec)]

    def refuse_missing(self, jobs: Iterable[PlannedJob]) -> None:
        """Raises RefusedError for the first job that requires its limits and has one that cannot be enforced here."""
        for job in jobs:
            if job.spec.require_limits and (names := self._unenforceable(job.spec)):
                raise RefusedError(
                    f"the limit `{names[0]}` of `{job.id}` cannot be enforced on this machine",
                    help="run `pexec doctor` to see what to do; or remove the limit, or `require_limits`",
                    code="PX403",
                )

    def _unenforceable(self, spec: JobSpec) -> list[str]:
        return [name for name in _given(spec.limits) if not self._enforcer(name, spec)]

    def _enforcer(self, name: str, spec: JobSpec) -> str:
        if name == "memory" and self.groups.memory:
            return _CGROUP
        if name == "processes":
            return _CGROUP if self.groups.pids else "rlimit" if self._extra_processes(spec) else ""
        return _ENFORCERS[name]

    def _extra_processes(self, spec: JobSpec) -> int:
        """How many processes of ours count with those of the job; 0 if those cannot be counted, as for root."""
        mechanism = self._isolations.mechanism(spec.isolation) if os.geteuid() else None
        return 0 if mechanism is None else _EXTRA_PROCESSES.get(mechanism, 0)

    def _request_of(self, spec: JobSpec) -> AttemptLimits | None:
        limits = spec.limits
        groups: dict[str, list[tuple[bytes, bytes]]] = {}
        wanted = [
            (resource.RLIMIT_NOFILE, limits.open_files),
            (resource.RLIMIT_FSIZE, limits.file_size),
            (resource.RLIMIT_CORE, limits.core),
        ]
        watched = limits.memory or 0
        if limits.memory is not None and self.groups.memory:
            watched = 0
            # Swap must not bypass it, and the kernel kills all of the group, not just one whose end a shell may hide.
            settings = ((b"memory.max", b"%d" % limits.memory), (b"memory.swap.max", b"0"), (b"memory.oom.group", b"1"))
            groups.setdefault(self.groups.memory, []).extend(settings)
        else:
            wanted.append((resource.RLIMIT_DATA, limits.memory))
        if limits.processes is not None and self.groups.pids:
            groups.setdefault(self.groups.pids, []).append((b"pids.max", b"%d" % limits.processes))
        elif limits.processes is not None and (extra := self._extra_processes(spec)):
            wanted.append((resource.RLIMIT_NPROC, limits.processes + extra))
        triples = [(kind, value, value) for kind, value in wanted if value is not None]
        if limits.cpu_time is not None:
            # At the soft limit comes SIGXCPU, which names the reason, at the hard one SIGKILL.
            whole = math.ceil(limits.cpu_time)
            triples.append((resource.RLIMIT_CPU, whole, whole + 1))
        if not triples and not groups:
            return None
        cgroups = tuple((os.fsencode(parent), tuple(settings)) for parent, settings in groups.items())
        return AttemptLimits(tuple(triples), watched, limits.cpu_time or 0.0, cgroups)


def _given(limits: Limits) -> list[str]:
    if limits is NO_LIMITS:
        return []
    return [name for name in limits.__struct_fields__ if getattr(limits, name) is not None]
