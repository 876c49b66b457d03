"""Jobs that will not run, known before they end: one need failed, or they were cancelled, but another need still runs.

A fold over the events of a run, next to the others. It decides nothing: the engine ends these jobs when their last need
has ended. Each job is marked at most once for each reason, so the work is bounded by the edges of the plan.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from orchestrator.engine.dependents import Dependents
from orchestrator.engine.outcomes import FAILURE_NAMES, OUTCOME_PHRASES
from orchestrator.engine.states import JobState
from orchestrator.journal.events import EventRecord, has_grown_since
from orchestrator.plan.model import Plan, When


class Fate(msgspec.Struct, frozen=True):
    """How a job will end, `skipped` or `cancelled`, and why: "test failed"; empty if it was requested."""

    status: str
    why: str

    def __str__(self) -> str:
        return f"{self.status}: {self.why}" if self.why else self.status


class Foresight:
    """Add the events of a run in order; `fates` has the jobs, by index, that have not ended and will not run.

    `succeeded` are the jobs that did so before the first of these events: a resume does not run them.
    """

    def __init__(self, plan: Plan, succeeded: Iterable[int] = ()) -> None:
        self._jobs = plan.jobs
        self._index_of = {job.id: job.index for job in plan.jobs}
        self._dependents = Dependents([job.needs for job in plan.jobs])
        self._begun = bytearray(len(plan.jobs))  # it has started, or ended
        self._succeeded = bytearray(len(plan.jobs))  # which a resume does not undo
        for job in succeeded:
            self._begun[job] = self._succeeded[job] = 1
        self._jobs_of: dict[Fate, dict[int, None]] = {}
        self.fates: dict[int, Fate] = {}

    def add(self, event: EventRecord) -> None:
        """Add one record of the journal. Raises KeyError for a job that is not in the plan."""
        match event["event"]:
            case "attempt.started":
                self._begun[self._index_of[event["job"]]] = 1
            case "job.finished" if not has_grown_since(event, self._index_of):
                self._job_finished(event)
            case "cancel.requested" if event["job"] in self._index_of:  # not of a placeholder that has left the run
                job = self._index_of[event["job"]]
                if not self._begun[job]:
                    by_matrix = event["reason"] == "fail_fast"
                    self._mark(job, Fate("cancelled", "fail-fast of its matrix" if by_matrix else ""))
                    self._mark_dependents(job, Fate("skipped", f"{self._jobs[job].id} was cancelled"))
            case "run.started" | "run.resumed":
                self._begun = self._succeeded[:]
                self._jobs_of.clear()
                self.fates.clear()
            case _:
                pass

    def summary(self) -> str:
        """One line about those that will not run for the earliest reason; empty if there are none."""
        for fate, jobs in self._jobs_of.items():
            first = self._jobs[next(iter(jobs))].id
            more = f" and {len(jobs) - 1} more" if len(jobs) > 1 else ""
            return f"{first}{more} will be {fate}"
        return ""

    def _job_finished(self, event: EventRecord) -> None:
        job, status = self._index_of[event["job"]], event["status"]
        self._begun[job] = 1
        self._succeeded[job] = status == "succeeded"
        fate = self._unmark(job)
        if status in ("succeeded", "left_out") or event["allowed"]:
            return
        if fate is None or fate.status != "skipped" or status in FAILURE_NAMES:
            fate = Fate("skipped", f"{self._jobs[job].id} {OUTCOME_PHRASES[JobState(status)]}")
        self._mark_dependents(job, fate)

    def _mark_dependents(self, job: int, fate: Fate) -> None:
        """All that is skipped because this job ended, or will end, without a success."""
        to_visit = [job]
        while to_visit:
            for other in self._dependents.of(to_visit.pop()):
                if self._jobs[other].when is When.SUCCESS and not self._begun[other] and other not in self.fates:
                    self._mark(other, fate)
                    to_visit.append(other)

    def _mark(self, job: int, fate: Fate) -> None:
        self._unmark(job)
        self.fates[job] = fate
        self._jobs_of.setdefault(fate, {})[job] = None

    def _unmark(self, job: int) -> Fate | None:
        fate = self.fates.pop(job, None)
        if fate is not None:
            jobs = self._jobs_of[fate]
            del jobs[job]
            if not jobs:
                del self._jobs_of[fate]
        return fate
