"""What must hold between two facts, checked job by job. Tests call it after every step; a run never does."""

from __future__ import annotations

from collections.abc import Sequence

from orchestrator.engine.checks import Checks
from orchestrator.engine.escalation import Escalation
from orchestrator.engine.job_table import JobTable
from orchestrator.engine.outcomes import FAILURES, Gate, NeedEnd, need_end
from orchestrator.engine.pools import Pools
from orchestrator.engine.ready_queue import ReadyQueue
from orchestrator.engine.retries import Retries
from orchestrator.engine.states import ENDED, JobState
from orchestrator.engine.stop import Stop
from orchestrator.plan.model import PlannedJob, Policy

Jobs = Sequence[PlannedJob]


def check_table(table: JobTable, jobs: Jobs) -> None:
    """All counts agree with the states."""
    states = table.states
    assert table.tally == {state: states.count(state) for state in JobState}
    assert table.open == sum(state not in ENDED for state in states)
    failed = [job.index for job in jobs if states[job.index] in FAILURES and not job.allow_failure]
    assert table.failures == len(failed)
    assert (table.first_failure in failed) if failed else table.first_failure is None
    for job in jobs:
        if states[job.index] is JobState.PENDING:
            settled = [need for need in job.needs if _is_settled(table, need, jobs)]
            ends = [_end_of(table, need, jobs) for need in settled]
            after_left = sum(not _is_settled(table, other, jobs) for other in job.after)
            left, failures, absent = len(job.needs) - len(ends), ends.count(NeedEnd.FAILED), ends.count(NeedEnd.ABSENT)
            assert table.waits_for(job.index) == (left, failures, absent, after_left)


def check_queues(table: JobTable, escalation: Escalation, retries: Retries, queue: ReadyQueue, checks: Checks) -> None:
    """Running jobs have an attempt, ready jobs are checked or queued once, waiting jobs are queued or will be."""
    assert dict(escalation) == {job: table.attempts[job] for job in _in_state(table, JobState.RUNNING)}
    queued = list(queue)
    assert len(queued) == len(set(queued))
    ready, checked = set(_in_state(table, JobState.READY)), set(checks)
    assert checked <= ready
    assert ready - checked <= set(queued)
    assert ready & checked & set(queued) == set()
    waiting = _in_state(table, JobState.WAITING)
    assert sorted(retries.not_before) == waiting
    assert all(job in queued or retries.holds(job) for job in waiting)


def check_room(pools: Pools, escalation: Escalation, policy: Policy, jobs: Jobs) -> None:
    """The room of each pool is its size less what running attempts take."""
    room = dict(policy.pools)
    for job, _ in escalation:
        for pool, amount in jobs[job].pools:
            room[pool] -= amount
    assert room == pools.room


def check_settled(table: JobTable, stop: Stop | None, jobs: Jobs) -> None:
    """Every consequence was drawn: each pending job waits for something, a cancelled one for a need, and during a stop
    no covered job is idle."""
    assert all(table.gate(job) is Gate.WAIT for job in _in_state(table, JobState.PENDING))
    assert all(table.states[job] is JobState.PENDING and table.waits_for(job)[0] for job in table.cancelled)
    if stop is not None:
        idle = _in_state(table, JobState.READY) + _in_state(table, JobState.WAITING)
        assert not any(stop.covers(jobs[job].when) for job in idle)


def _is_settled(table: JobTable, job: int, jobs: Jobs) -> bool:
    upstream = () if table.early_skips else jobs[job].needs
    return table.states[job] in ENDED and all(_is_settled(table, need, jobs) for need in upstream)


def _end_of(table: JobTable, job: int, jobs: Jobs) -> NeedEnd:
    if table.states[job] is JobState.EXPANDED:
        ends = [_end_of(table, cell, jobs) for cell in jobs[job].needs]
        return next((end for end in (NeedEnd.FAILED, NeedEnd.ABSENT) if end in ends), NeedEnd.MET)
    was_skipped = table.states[job] is JobState.SKIPPED and not table.early_skips
    behind = was_skipped and any(_end_of(table, need, jobs) is NeedEnd.FAILED for need in jobs[job].needs)
    return need_end(table.states[job], allowed=jobs[job].allow_failure, behind_failure=behind)


def _in_state(table: JobTable, state: JobState) -> list[int]:
    return [job for job, its in enumerate(table.states) if its is state]
