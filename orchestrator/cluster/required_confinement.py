"""What confines jobs on the machine of a worker: isolation, and limits that not every machine can enforce.

Each worker of another machine is asked what it lacks when it joins. A job that requires its isolation or limits is
placed only where nothing of them is missing, any other preferably there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from msgspec import Struct

from orchestrator.plan.model import NO_LIMITS, Isolation, JobSpec, Limits, PlannedJob

if TYPE_CHECKING:
    from orchestrator.execute.supervisor.supervisor import Supervisor


class Confinement(Struct, frozen=True):
    """How jobs are to be confined."""

    isolation: Isolation
    limits: Limits


class Lack(Struct, frozen=True):
    """What a worker does not have of a confinement, and why. `number` is that of the confinement in the list that the
    worker was given; `key` is what a job requires it by."""

    number: int
    key: str
    what: str
    why: str


ISOLATION, LIMITS = "require_isolation", "require_limits"
_NOTHING: frozenset[str] = frozenset()


class Confinements:
    """Those of the jobs of a run, each once, that run on workers."""

    def __init__(self, jobs: Iterable[PlannedJob]) -> None:
        found = (Confinement(job.spec.isolation, job.spec.limits) for job in jobs if job.where != "local")
        self.all = tuple(dict.fromkeys(one for one in found if one != Confinement(Isolation.NONE, NO_LIMITS)))
        self._number = {one: number for number, one in enumerate(self.all)}

    def required_by(self, job: PlannedJob) -> frozenset[str]:
        """What its worker must have."""
        asked = ((ISOLATION, job.spec.require_isolation), (LIMITS, job.spec.require_limits))
        return self._of(job, [key for key, is_required in asked if is_required])

    def wanted_by(self, job: PlannedJob) -> frozenset[str]:
        """What its worker should have."""
        return self._of(job, (ISOLATION, LIMITS))

    def _of(self, job: PlannedJob, keys: Iterable[str]) -> frozenset[str]:
        if not self.all or job.where == "local":
            return _NOTHING
        number = self._number.get(Confinement(job.spec.isolation, job.spec.limits))
        return _NOTHING if number is None else frozenset(_ability(number, key) for key in keys)

    def met(self, lacks: Sequence[Lack] = ()) -> frozenset[str]:
        """What a worker has that lacks this."""
        missing = {_ability(lack.number, lack.key) for lack in lacks}
        all_ = (_ability(number, key) for number in range(len(self.all)) for key in (ISOLATION, LIMITS))
        return frozenset(ability for ability in all_ if ability not in missing)

    def why_not_confined(self, job: PlannedJob, lacks: Sequence[tuple[str, Lack]]) -> str:
        """What a host, of these, lacks that the job requires; empty if none does."""
        required = self.required_by(job)
        for host, lack in lacks:
            if _ability(lack.number, lack.key) in required:
                return f"it has `{lack.key}`, and on {host} {lack.what}: {lack.why}"
        return ""


def _ability(number: int, key: str) -> str:
    return f"{key} {number}"


def lacking(confinements: Sequence[Confinement], supervisor: Supervisor) -> tuple[Lack, ...]:
    """What this machine does not have of them, by trying it."""
    return tuple(lack for number, one in enumerate(confinements) for lack in _lacking(number, one, supervisor))


def _lacking(number: int, confinement: Confinement, supervisor: Supervisor) -> Iterator[Lack]:
    spec = JobSpec(run="", isolation=confinement.isolation, limits=confinement.limits)
    for what, why in supervisor.isolations.missing(confinement.isolation):
        yield Lack(number, ISOLATION, what, why)
    for what, why in supervisor.enforcement.missing(spec):
        yield Lack(number, LIMITS, what, why)
