"""What would become of each job's check if the plan were run now: for `pexec plan`. Runs nothing and changes no file
of the project."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from typing import Literal, NoReturn

from msgspec import Struct

from orchestrator.app.cache_of_plan import open_store, place_of, project_of
from orchestrator.cache.cache import Cache
from orchestrator.cache.model import Kept, NotRestored, Restored
from orchestrator.console.text import visible
from orchestrator.execute.attempt.environment import Environments
from orchestrator.execute.reuse.command_inputs import CommandRefusedError
from orchestrator.execute.reuse.declared import needs_of
from orchestrator.execute.reuse.differences import differences
from orchestrator.execute.reuse.fingerprints import CannotBeTakenError, Fingerprints
from orchestrator.execute.reuse.known_values import filled
from orchestrator.plan.model import JobSpec, Plan, PlannedJob, When

State = Literal["up_to_date", "runs", "may_run"]
_MOST_NEEDS = 3
_MOST_REASONS = 3
_NOT_ASKED = "the remote store, which is asked only during a run, may have its result"


class CacheState(Struct, frozen=True):
    """Whether a job is up to date, and what of its outputs will change then; or runs, and why. `may_run`: what it
    depends on is known only during the run."""

    state: State
    because: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """As `pexec plan` shows it: `runs: src/a.c changed (was 3f2a…, is 91bc…)`, `up to date; x will be restored`."""
        shown = list(self.because[:_MOST_REASONS])
        if len(self.because) > _MOST_REASONS:
            shown.append(f"{len(self.because) - _MOST_REASONS:,} more changes")
        return ("; " if self.state == "up_to_date" else ": ").join(
            filter(None, (self.state.replace("_", " "), "; ".join(shown)))
        )


_UNCHANGED = CacheState("up_to_date")  # what other jobs depend on is then known before the run


def cache_states(plan: Plan) -> dict[str, CacheState]:
    """The state of each job that is checked before it runs, by its id."""
    if not any(_is_checked(job) for job in plan.jobs):
        return {}
    return _States(plan).all()


def _is_checked(job: PlannedJob) -> bool:
    return job.when is not When.FAILURE and job.spec.inputs is not None and job.spec.cache


class _States:
    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._place = place_of(plan)
        self._values: dict[int, Mapping[str, str]] = {}  # of the jobs that are up to date

    def all(self) -> dict[str, CacheState]:
        plan = self._plan
        found: dict[int, CacheState] = {}
        with open_store(plan) as cache:
            environments = Environments(os.environb)
            fingerprints = Fingerprints(plan, self._place, cache, environments, _refuse_command)
            for level in plan.levels:
                for index in level:
                    if _is_checked(plan.jobs[index]):
                        found[index] = self._state(plan.jobs[index], found, cache, fingerprints)
        return {plan.jobs[index].id: found[index] for index in sorted(found)}

    def _state(
        self, job: PlannedJob, found: Mapping[int, CacheState], cache: Cache, fingerprints: Fingerprints
    ) -> CacheState:
        needs = needs_of(self._plan.jobs, job.index)
        jobs = self._plan.jobs
        if job.run_matrix is not None:
            return CacheState("may_run", ("its jobs are known during the run",))
        if placeholders := [need for need in job.needs if jobs[need].run_matrix is not None]:
            return CacheState("may_run", (self._depends_on(placeholders),))
        open_needs = [need for need in needs if need not in found or found[need] != _UNCHANGED]
        if open_needs:
            return CacheState("may_run", (self._depends_on(open_needs),))
        commands = [one.command for one in job.spec.inputs or () if one.command]
        if commands:
            return CacheState("may_run", (f"depends on what `{' '.join(commands[0])}` prints",))
        values = {need: self._values[need] for need in needs}
        spec = filled(job, self._plan, values)
        if spec is None:
            return CacheState("may_run", ("depends on values of its needs",))
        try:
            taken = fingerprints.take(job, spec, values, _never)
        except CannotBeTakenError as error:
            return CacheState("runs", (str(error),))
        entry = cache.look_up(taken.fingerprint.digest)
        if entry is None:
            policy = self._plan.policy.cache
            remote = (_NOT_ASKED,) if policy.remote is not None and policy.mode in ("read", "readwrite") else ()
            state: State = "may_run" if remote else "runs"
            return CacheState(state, (*remote, *differences(cache, project_of(self._plan), job, taken)))
        foreseen = cache.foresee(
            entry, self._place, project=project_of(self._plan), outputs=taken.outputs, should_stop=_never
        )
        if isinstance(foreseen, NotRestored):
            return CacheState("runs", (foreseen.reason,))
        self._values[job.index] = entry.values
        return _UNCHANGED if isinstance(foreseen, Kept) else CacheState("up_to_date", tuple(_restored(foreseen)))

    def _depends_on(self, needs: Sequence[int]) -> str:
        names = [self._plan.jobs[need].id for need in needs]
        more = f" and {len(names) - _MOST_NEEDS} more" if len(names) > _MOST_NEEDS else ""
        return f"depends on {', '.join(names[:_MOST_NEEDS])}{more}"


def _restored(foreseen: Restored) -> Iterator[str]:
    """What will become of the outputs of a job that is up to date."""
    for path in foreseen.files:
        yield f"{visible(path)} will be {'replaced' if path in foreseen.edited else 'restored'}"
    for path in foreseen.removed:
        yield f"{visible(path)} will be removed"


def _never() -> bool:
    return False


def _refuse_command(command: Sequence[str], spec: JobSpec) -> NoReturn:
    raise CommandRefusedError(f"`{command[0]}` is not run to show a plan")
