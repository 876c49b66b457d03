"""The state of every job, and how many of the jobs it waits for have not ended. The one place that moves a state.

A job is *settled* when it and everything upstream of it have ended. Within one process that is the same as ended,
because nothing ends before its needs have. But a success that is kept by a resume, or reused from another run, may have
needs that run again; what depends on it waits for these too.

`early_skips` is the rule of version 0.1, kept only so that its journals can be replayed: a `when: success` job is
skipped by its first bad need, a pending job is cancelled at once, and a skipped need is never a failure. There, ended
and settled are the same.
"""

from __future__ import annotations

from array import array
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn

from msgspec.structs import replace

from orchestrator.engine.dependents import Dependents
from orchestrator.engine.outcomes import FAILURES, OUTCOME_PHRASES, Gate, NeedEnd, gate, need_end
from orchestrator.engine.states import ENDED, KEPT, RESUME_TRANSITIONS, TRANSITIONS, JobState
from orchestrator.plan.model import Plan, PlannedJob, When

SHOWN_NEEDS = 10


class IllegalMove(Exception):  # noqa: N818 - it names what was tried
    """A fact that cannot follow the earlier ones: a bug of pexec, or a damaged journal. Its text describes the job."""


class JobTable:
    """The jobs, whose number may grow, the states of all of them, their counts, and for each pending job the counts of
    the jobs it waits for.

    `failures` counts the jobs that failed, timed out or were lost, without the allowed ones; `first_failure` is the
    first of them since the run started or was resumed. `open` counts the jobs that have not ended. `cancelled` holds
    the causes for pending jobs that were cancelled before their needs had ended.
    """

    __slots__ = (
        "_absent",
        "_after_dependents",
        "_after_left",
        "_dependents",
        "_failed",
        "_left",
        "_root_cause",
        "attempts",
        "cancelled",
        "early_skips",
        "failures",
        "first_failure",
        "jobs",
        "open",
        "states",
        "tally",
    )

    def __init__(self, plan: Plan) -> None:
        self.jobs = list(plan.jobs)
        self.states = [JobState.PENDING] * len(plan.jobs)
        self.attempts = array("i", bytes(4 * len(plan.jobs)))
        self.tally = dict.fromkeys(JobState, 0)
        self.tally[JobState.PENDING] = self.open = len(plan.jobs)
        self.failures = 0
        self.first_failure: int | None = None
        self.early_skips = False
        self.cancelled: dict[int, str] = {}
        self._dependents = Dependents([job.needs for job in plan.jobs])
        self._after_dependents = Dependents([job.after for job in plan.jobs])
        self._count()

    def move(self, job: int, to: JobState, table: Mapping[JobState, frozenset[JobState]] = TRANSITIONS) -> None:
        """Move one job along the table of transitions, and update the counts."""
        state = self.states[job]
        if to not in table[state]:
            self.refuse(job, f"cannot change from {state.value} to {to.value}")
        self.states[job] = to
        self.tally[state] -= 1
        self.tally[to] += 1
        self.open += (state in ENDED) - (to in ENDED)
        if to in FAILURES and not self.jobs[job].allow_failure:
            self.failures += 1
            if self.first_failure is None:
                self.first_failure = job

    def release(self, ended: int, settled: deque[int]) -> list[int]:
        """Count a job that has settled for everything that waits for it; the pending jobs among these that may have
        been decided.

        Those that had ended before, and have settled now, are added to `settled`.
        """
        states, left, touched = self.states, self._left, []
        if dependents := self._dependents.of(ended):
            end = self._end_of(ended)
            cause = self._cause_of(ended)
            for job in dependents:
                left[job] -= 1
                is_pending = states[job] is JobState.PENDING
                if end is not NeedEnd.MET and (is_pending or states[job] is JobState.EXPANDED):
                    self._count_end(job, end, cause)
                if left[job] and not self.early_skips:
                    continue
                if is_pending:
                    touched.append(job)
                elif not self.early_skips:
                    settled.append(job)
        for job in self._after_dependents.of(ended):
            if states[job] is JobState.PENDING:
                self._after_left[job] -= 1
                touched.append(job)
        return touched

    def _count_end(self, job: int, end: NeedEnd, cause: int) -> None:
        if end is NeedEnd.FAILED:
            if not self._failed[job]:
                self._root_cause[job] = cause
            self._failed[job] += 1
        self._absent[job] += end is NeedEnd.ABSENT

    def grow(self, placeholder: int, cells: Sequence[PlannedJob]) -> None:
        """Cells take the place of a placeholder, as the last jobs. It stays among the jobs as what its dependents wait
        for: it needs all of its cells, and counts as one of them that ended badly, if one did."""
        first, number = len(self.jobs), len(cells)
        self.jobs += cells
        self.states += [JobState.PENDING] * number
        self.tally[JobState.PENDING] += number
        self.open += number
        for counts in (self.attempts, self._left, self._after_left, self._failed, self._absent, self._root_cause):
            counts.extend([0] * number)
        for cell in cells:
            for need in cell.needs:
                self._dependents.add(need, cell.index)
                if self.has_settled(need):
                    self._count_end(cell.index, self._end_of(need), self._cause_of(need))
                else:
                    self._left[cell.index] += 1
            for other in cell.after:
                self._after_dependents.add(other, cell.index)
                self._after_left[cell.index] += not self.has_settled(other)
            self._dependents.add(cell.index, placeholder)
        self.move(placeholder, JobState.EXPANDED)
        for need in self.jobs[placeholder].needs:
            self._dependents.remove(need, placeholder)
        self.jobs[placeholder] = replace(self.jobs[placeholder], needs=tuple(range(first, first + number)))
        self._left[placeholder] = number
        self._failed[placeholder] = self._absent[placeholder] = 0

    def choose(self, job: int, placeholder: int, chosen: Sequence[int]) -> None:
        """A job that is pending, or whose success was kept, waits only for these cells of a placeholder that has just
        been expanded."""
        needs = dict.fromkeys(other for need in self.jobs[job].needs for other in ([need], chosen)[need == placeholder])
        self._dependents.remove(placeholder, job)
        for other in chosen:
            self._dependents.add(other, job)
        self._left[job] += len(chosen) - 1
        self.jobs[job] = replace(self.jobs[job], needs=tuple(needs))

    def has_settled(self, job: int) -> bool:
        """Whether a job and everything upstream of it have ended."""
        return self.states[job] in ENDED and not self._left[job]

    def _cause_of(self, ended: int) -> int:
        return ended if self.states[ended] in FAILURES else self._root_cause[ended]

    def gate(self, job: int) -> Gate:
        """Whether this pending job may run. A shut gate does not wait for `after` jobs."""
        when, failed, absent = self.jobs[job].when, self._failed[job], self._absent[job]
        if self.early_skips and when is When.SUCCESS and (failed or absent):
            return Gate.SHUT
        answer = gate(when, left=self._left[job], failed=failed, absent=absent)
        return Gate.WAIT if answer is Gate.OPEN and self._after_left[job] else answer

    def needs_have_ended(self, job: int) -> bool:
        """Whether all that is upstream of a job has ended, so that its own end may be counted."""
        return self.early_skips or not self._left[job]

    def skip_reason(self, job: int) -> str:
        """Why the needs of a job with a shut gate do not let it run: the need that failed, else one that was skipped
        because of a failure, else one that did not run."""
        if self.jobs[job].when is not When.SUCCESS:
            return "no need failed"
        ended = [need for need in self._needs_of(job) if self.states[need] in ENDED]
        bad = [need for need in ended if self._end_of(need) is not NeedEnd.MET]
        need = min(bad, key=lambda one: (self.states[one] not in FAILURES, self._end_of(one) is NeedEnd.ABSENT))
        phrase = f"need {self.outcome_phrase(need)}"
        if self.states[need] in FAILURES or self._end_of(need) is NeedEnd.ABSENT:
            return phrase
        return f"{phrase} because {self.outcome_phrase(self._root_cause[need])}"

    def _needs_of(self, job: int) -> Iterable[int]:
        """Its needs, with the cells of a placeholder in its place."""
        for need in self.jobs[job].needs:
            if self.states[need] is JobState.EXPANDED:
                yield from self.jobs[need].needs
            else:
                yield need

    def _end_of(self, job: int) -> NeedEnd:
        """What the end of a job means to its dependents. Its count of failed needs does not change any more."""
        state = self.states[job]
        if state is JobState.EXPANDED:
            return NeedEnd.FAILED if self._failed[job] else NeedEnd.ABSENT if self._absent[job] else NeedEnd.MET
        behind_failure = state is JobState.SKIPPED and self._failed[job] > 0 and not self.early_skips
        return need_end(state, allowed=self.jobs[job].allow_failure, behind_failure=behind_failure)

    def reopen(self) -> None:
        """A resume: everything but the successes is pending again, as if it had never been started."""
        for job, state in enumerate(self.states):
            if state not in KEPT:
                self.move(job, JobState.PENDING, RESUME_TRANSITIONS)
        self.failures, self.first_failure = 0, None
        self.cancelled.clear()
        self._count()

    def refuse(self, job: int, what: str) -> NoReturn:
        """Raise `IllegalMove` with what is known about the job."""
        planned, count = self.jobs[job], self.attempts[job]
        needs = [f"`{self.jobs[need].id}` {self.states[need].value}" for need in planned.needs[:SHOWN_NEEDS]]
        more = ["..."] if len(planned.needs) > SHOWN_NEEDS else []
        history = f"{self.states[job].value}, {count} {'attempt' if count == 1 else 'attempts'} so far"
        need_states = f", needs {', '.join(needs + more)}" if needs else ""
        raise IllegalMove(f"job `{planned.id}` {what} ({history}{need_states})")

    def outcome_phrase(self, job: int) -> str:
        """How a job ended that did not succeed: "`build` timed out"."""
        return f"`{self.jobs[job].id}` {OUTCOME_PHRASES.get(self.states[job], 'succeeded without it')}"

    def snapshot(self) -> tuple[object, ...]:
        """Everything that a replay must reproduce."""
        return tuple(self.states), tuple(self.attempts), self.first_failure, tuple(sorted(self.cancelled.items()))

    def waits_for(self, job: int) -> tuple[int, int, int, int]:
        """The counts of a pending job: needs not settled, failed and absent; `after` jobs not settled."""
        return self._left[job], self._failed[job], self._absent[job], self._after_left[job]

    def _count(self) -> None:
        """Count from scratch; every job is pending or has succeeded."""
        self._left = array("i", [len(job.needs) for job in self.jobs])
        self._after_left = array("i", [len(job.after) for job in self.jobs])
        succeeded = [job for job, state in enumerate(self.states) if state is JobState.SUCCEEDED]
        settled = [job for job in succeeded if self.needs_have_ended(job)]
        while settled:
            ended = settled.pop()
            for job in self._after_dependents.of(ended):
                self._after_left[job] -= 1
            for job in self._dependents.of(ended):
                self._left[job] -= 1
                if not self._left[job] and self.states[job] in KEPT and not self.early_skips:
                    settled.append(job)
        self._failed = array("i", bytes(4 * len(self.jobs)))
        self._absent = array("i", bytes(4 * len(self.jobs)))
        self._root_cause = array("i", bytes(4 * len(self.jobs)))  # of a failed need: the job that failed first
