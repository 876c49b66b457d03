"""Which successes of an earlier run count in a new one, and why each other job runs again. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.engine.outcomes import FAILURES, OUTCOME_PHRASES
from orchestrator.engine.states import JobState
from orchestrator.plan.model import JobSpec, Plan, PlannedJob


class AdoptionDecision(Struct, frozen=True):
    """What becomes of a job of the new run; `why` is a sentence. `again`: it did end, or it is not the same any more,
    so that even a resume of what failed has to run it."""

    reused: bool
    again: bool
    why: str


def fates(old: Plan, states: Sequence[JobState], new: Plan) -> list[AdoptionDecision]:
    """For each job of `new`, given where each job of `old` stood when its run ended."""
    index_of = {job.id: job.index for job in old.jobs}
    return [_fate(job, index_of.get(job.id), old, states, new) for job in new.jobs]


def untouched(plan: Plan, decided: Sequence[AdoptionDecision]) -> list[int]:
    """The jobs that a resume of what failed leaves alone: they never ran, and need nothing that runs again."""
    again = [fate.again for fate in decided]
    for level in plan.levels:
        for index in level:
            again[index] = again[index] or any(again[need] for need in plan.jobs[index].needs)
    return [job.index for job in plan.jobs if not again[job.index] and not decided[job.index].reused]


def _fate(job: PlannedJob, index: int | None, old: Plan, states: Sequence[JobState], new: Plan) -> AdoptionDecision:
    if index is None:
        return AdoptionDecision(False, True, "it is new")
    state = states[index]
    if state in FAILURES:
        return AdoptionDecision(False, True, f"it {OUTCOME_PHRASES[state]}")
    if state is not JobState.SUCCEEDED:
        return AdoptionDecision(False, False, f"it {OUTCOME_PHRASES.get(state, 'had not ended')}")
    if job.digest == old.jobs[index].digest:
        return AdoptionDecision(True, False, "it succeeded, and nothing that it stands on has changed")
    return AdoptionDecision(False, True, _change(job, old.jobs[index], old, new))


def _change(job: PlannedJob, before: PlannedJob, old: Plan, new: Plan) -> str:
    """Why the digests differ."""
    needs = {new.jobs[need].id: new.jobs[need].digest for need in job.needs}
    needed = {old.jobs[need].id: old.jobs[need].digest for need in before.needs}
    if _lasting(job.spec) != _lasting(before.spec) or needs.keys() != needed.keys():
        return "its definition has changed"
    changed = [f"`{name}`" for name, digest in needs.items() if digest != needed[name]]
    if changed:
        return f"what it needs has changed: {', '.join(changed)}"
    return f"`{job.spec.file}` has changed"


def _lasting(spec: JobSpec) -> JobSpec:
    """Without what does not change what a success has done."""
    return replace(spec, timeout=None, grace=0.0)
