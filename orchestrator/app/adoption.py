"""Which successes of an earlier run count in a new one, and why each other job runs again. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from orchestrator.engine.outcomes import FAILURES, OUTCOME_PHRASES
from orchestrator.engine.states import JobState
from orchestrator.plan.model import JobSpec, Plan, PlannedJob

_LATER = "its jobs are compared when they could start"


class AdoptionDecision(Struct, frozen=True):
    """Whether a job of the new run is reused, and a phrase that says why.

    `must_run`: the job failed, is new or has changed, or its `if` left it out, so that `resume --failed` decides on it
    too; not set for a job that never ran."""

    reused: bool
    must_run: bool
    why: str


def adoption_decisions(
    old: Plan, states: Sequence[JobState], new: Plan, changed: Mapping[int, str] | None = None
) -> list[AdoptionDecision]:
    """The decision for each job of `new`. `states` are those of the jobs of `old` when their run ended; `changed` are
    the jobs of `new` whose inputs are not as they were, with the reason: neither they nor what needs them is reused."""
    index_of = {job.id: job.index for job in old.jobs}
    decisions = [_decide(job, index_of.get(job.id), old, states, new) for job in new.jobs]
    later = {job.index: _LATER for job in new.jobs if job.run_matrix and job.spec.inputs is not None}
    changed = {**later, **(changed or {})}
    return _with_changed_inputs(decisions, new, changed) if changed else decisions


def _with_changed_inputs(
    decisions: list[AdoptionDecision], new: Plan, changed: Mapping[int, str]
) -> list[AdoptionDecision]:
    behind: set[int] = set()
    for index in (index for level in new.levels for index in level):
        needs = [need for need in new.jobs[index].needs if need in behind]
        is_placeholder = new.jobs[index].run_matrix is not None
        if not (decisions[index].reused or is_placeholder) or not (needs or index in changed):
            continue
        behind.add(index)
        ids = ", ".join(f"`{new.jobs[need].id}`" for need in needs)
        decisions[index] = AdoptionDecision(False, True, changed.get(index) or f"its needs have changed: {ids}")
    return decisions


def jobs_left_out(plan: Plan, decisions: Sequence[AdoptionDecision]) -> list[int]:
    """The jobs that `resume --failed` leaves out: they never ran, and need nothing that runs again."""
    runs = [decision.must_run for decision in decisions]
    for level in plan.levels:
        for index in level:
            runs[index] = runs[index] or any(runs[need] for need in plan.jobs[index].needs)
    return [job.index for job in plan.jobs if not runs[job.index] and not decisions[job.index].reused]


def _decide(job: PlannedJob, index: int | None, old: Plan, states: Sequence[JobState], new: Plan) -> AdoptionDecision:
    if index is None:
        return AdoptionDecision(False, True, "new")
    if job.run_matrix is not None:
        return AdoptionDecision(False, False, "the values of its matrix follow")
    state = states[index]
    if state is not JobState.SUCCEEDED:
        decided_again = state in FAILURES or state is JobState.LEFT_OUT
        return AdoptionDecision(False, decided_again, f"it {OUTCOME_PHRASES.get(state, 'did not finish')}")
    if job.digest == old.jobs[index].digest:
        return AdoptionDecision(True, False, "it succeeded; its definition, scripts and needs are the same")
    return AdoptionDecision(False, True, _change(job, old.jobs[index], old, new))


def _change(job: PlannedJob, before: PlannedJob, old: Plan, new: Plan) -> str:
    """Why the digests differ."""
    needs = {new.jobs[need].id: new.jobs[need].digest for need in job.needs}
    needed = {old.jobs[need].id: old.jobs[need].digest for need in before.needs}
    if _what_it_does(job.spec) != _what_it_does(before.spec) or needs.keys() != needed.keys():
        return "its definition has changed"
    names = {**before.scripts, **job.scripts}
    scripts = [f"`{name}`" for name in names if job.scripts.get(name, "") != before.scripts.get(name, "")]
    if scripts:
        return f"{', '.join(scripts)} {'has' if len(scripts) == 1 else 'have'} changed"
    changed = [f"`{name}`" for name, digest in needs.items() if digest != needed[name]]
    if changed:
        return f"its needs have changed: {', '.join(changed)}"
    return f"`{job.spec.file}` has changed"


def _what_it_does(spec: JobSpec) -> JobSpec:
    """The spec without what does not affect the result of a success."""
    return replace(spec, timeout=None, grace=0.0, stop_signal="TERM", color=False)
