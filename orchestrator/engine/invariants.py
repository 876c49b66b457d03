"""What must hold between two facts, looked at job by job. Tests ask for it after every step; a run never does."""

from __future__ import annotations

from orchestrator.engine.escalation import Escalation
from orchestrator.engine.job_table import JobTable
from orchestrator.engine.outcomes import FAILURES, Gate, NeedEnd, need_end
from orchestrator.engine.pools import Pools, ReadyQueue
from orchestrator.engine.retries import Retries
from orchestrator.engine.states import TERMINAL, JobState
from orchestrator.engine.stop import Stop
from orchestrator.plan.model import PlannedJob, Policy

Jobs = tuple[PlannedJob, ...]


def check_board(board: JobTable, jobs: Jobs) -> None:
    """All counts agree with the states."""
    states = board.states
    assert board.tally == {state: states.count(state) for state in JobState}
    assert board.open == sum(state not in TERMINAL for state in states)
    failed = [job.index for job in jobs if states[job.index] in FAILURES and not job.allow_failure]
    assert board.failures == len(failed)
    assert (board.first_failure in failed) if failed else board.first_failure is None
    for job in jobs:
        if states[job.index] is JobState.PENDING:
            ended = [need for need in job.needs if states[need] in TERMINAL]
            ends = [need_end(states[need], allowed=jobs[need].allow_failure) for need in ended]
            after_left = sum(states[other] not in TERMINAL for other in job.after)
            left, failures, absent = len(job.needs) - len(ends), ends.count(NeedEnd.FAILED), ends.count(NeedEnd.ABSENT)
            assert board.waits_for(job.index) == (left, failures, absent, after_left)


def check_lines(board: JobTable, ladder: Escalation, retries: Retries, lanes: ReadyQueue) -> None:
    """Who runs is on the ladder; who may start is in line, once; who waits is in line or will be."""
    assert dict(ladder) == {job: board.attempts[job] for job in _in_state(board, JobState.RUNNING)}
    in_line = list(lanes)
    assert len(in_line) == len(set(in_line))
    assert set(_in_state(board, JobState.READY)) <= set(in_line)
    waiting = _in_state(board, JobState.WAITING)
    assert sorted(retries.not_before) == waiting
    assert all(job in in_line or retries.holds(job) for job in waiting)


def check_room(pools: Pools, ladder: Escalation, policy: Policy, jobs: Jobs) -> None:
    """The room of each pool is what running attempts leave of it."""
    room = dict(policy.pools)
    for job, _ in ladder:
        for pool, amount in jobs[job].pools:
            room[pool] -= amount
    assert room == pools.room


def check_settled(board: JobTable, stop: Stop | None, jobs: Jobs) -> None:
    """Nothing is left to follow: every pending job waits for something, and no covered job is idle in a stop."""
    assert all(board.gate(job) is Gate.WAIT for job in _in_state(board, JobState.PENDING))
    if stop is not None:
        idle = _in_state(board, JobState.READY) + _in_state(board, JobState.WAITING)
        assert not any(stop.covers(jobs[job].when) for job in idle)


def _in_state(board: JobTable, state: JobState) -> list[int]:
    return [job for job, its in enumerate(board.states) if its is state]
