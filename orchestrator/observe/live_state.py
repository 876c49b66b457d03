"""What the live region shows of a run, as far as its events are known."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from itertools import islice

from orchestrator.console.text import count, whole_seconds
from orchestrator.journal.events import EventRecord, has_grown_since
from orchestrator.journal.facts_as_events import grown_from_event
from orchestrator.observe.job_prefix import JobPrefixes
from orchestrator.observe.live_frame import JobLine, LiveFrame
from orchestrator.observe.log_view import LatestOutput
from orchestrator.observe.progress_lines import ProgressLines
from orchestrator.plan.grown_plan import grown
from orchestrator.plan.model import Plan, PlannedJob
from orchestrator.report.foresight import Foresight
from orchestrator.report.remaining import RemainingTime

_LEAST_HEIGHT = 6  # below it there is one line


class LiveState:
    """Add the events of a run in order; `frame` is what to show. `succeeded` are the jobs (by index) that had succeeded
    before. `progress` follows the same events, each a moment before. For the console thread."""

    # And those of `progress`.
    events = ("run.started", "run.resumed", "kill.sent", "matrix.expanded", "worker.joined", "worker.left")

    def __init__(
        self,
        plan: Plan,
        jobs: dict[str, PlannedJob],
        progress: ProgressLines,
        prefixes: JobPrefixes,
        succeeded: Iterable[int] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.latest: Mapping[str, LatestOutput] = {}  # of running jobs, at times of `clock`
        self._jobs = jobs
        self._slots = plan.policy.max_parallel_jobs
        self._progress = progress
        self._prefixes = prefixes
        self._clock = clock
        self._plan = plan
        self._succeeded = [plan.jobs[job].id for job in succeeded]
        self._may_grow = any(job.run_matrix is not None for job in plan.jobs)
        self._past: list[EventRecord] = []  # of a run that may grow
        self._foresight = Foresight(plan, succeeded)
        self._remaining = RemainingTime(plan, succeeded)
        self._attempts: dict[str, str] = {}  # "attempt 2 of 3", for running jobs that were retried
        self._waits: dict[str, tuple[float, str]] = {}  # jobs to retry: the second of the run, and which attempt
        self._workers: dict[str, int] = {}  # that take jobs, and their slots
        self.why_none: Callable[[], str] = str  # why there is no worker
        self._stopping: dict[str, float] = {}  # running jobs, and the second of the run at which each is killed

    @property
    def is_running(self) -> bool:
        """Whether there is something to follow: a job runs, will be retried, or waits for a worker."""
        return bool(self._progress.running or self._waits) or self.waits_for_workers

    @property
    def waits_for_workers(self) -> bool:
        """Whether no job can start, since the cluster has no worker."""
        return self._plan.policy.cluster is not None and not (self._workers or self._progress.running)

    def add(self, record: EventRecord) -> None:
        """Add an event."""
        if record["event"] == "matrix.expanded":
            self._grow(record)
            return
        if self._may_grow:
            self._past.append(record)
        self._foresight.add(record)
        job = record.get("job", "")
        match record["event"]:
            case "attempt.started":
                self._waits.pop(job, None)
                if record["attempt"] > 1:
                    self._attempts[job] = self._progress.which_attempt(record)
            case "attempt.finished":
                self._attempts.pop(job, None)
                self._stopping.pop(job, None)
            case "retry.scheduled":
                self._waits[job] = record["not_before"], self._progress.which_attempt(record)
            case "kill.sent":
                grace = 0.0 if record["force"] else self._jobs[job].spec.grace
                self._stopping[job] = record["at"] + grace
            case "worker.joined":
                self._workers[record["worker"]] = record["slots"]
            case "worker.left":
                self._workers.pop(record["worker"], None)
            case "job.finished":
                self._waits.pop(job, None)
                self._remaining.end(self._jobs[job].index)
            case _:
                pass

    def _grow(self, expanded: EventRecord) -> None:
        """Jobs have taken the place of a placeholder."""
        self._plan = grown(self._plan, [grown_from_event(expanded)])
        self._jobs.clear()
        self._jobs |= {job.id: job for job in self._plan.jobs}
        succeeded = [self._jobs[job].index for job in self._succeeded]
        self._foresight, self._remaining = Foresight(self._plan, succeeded), RemainingTime(self._plan, succeeded)
        for record in self._past:
            self._foresight.add(record)
            if record["event"] == "job.finished" and not has_grown_since(record, self._jobs):
                self._remaining.end(self._jobs[record["job"]].index)

    def frame(self, now: float, height: int) -> LiveFrame:
        """What to show at this second of the run, on a terminal of this height."""
        running = self._progress.running  # oldest first, since attempts are added when they start
        most = max(1, min(self._slots, height // 3)) if height >= _LEAST_HEIGHT else 0
        lines = [self._running(job, since, now) for job, since in islice(running.items(), most)]
        waits = sorted((not_before, job, which) for job, (not_before, which) in self._waits.items())
        lines += [self._waiting(*one, now) for one in waits[: most - len(lines)]]
        elapsed = {self._jobs[job].index: now - since for job, since in running.items()}
        return LiveFrame(
            counts=self._progress.counts(),
            elapsed=now,
            jobs=lines,
            more=len(running) + len(waits) - len(lines) if most else 0,
            retrying=len(self._attempts) + len(waits),
            left=None if self._stopping else self._remaining.at_least(elapsed),
            stopping=len(self._stopping),
            kill_in=max(0.0, min(self._stopping.values()) - now) if self._stopping else None,
            note=self._foresight.summary() if most else "",
            workers=self._about_workers() if most else "",
        )

    def _about_workers(self) -> str:
        """How many there are, or what is known of why there is none; empty in a run without a cluster."""
        if self._workers:
            return f"{count(len(self._workers), 'worker')}, {count(sum(self._workers.values()), 'slot')}"
        if not self.waits_for_workers:
            return ""
        why = self.why_none()
        return f"waiting for a worker{f': {why}' if why else ''}"

    def _running(self, job: str, since: float, now: float) -> JobLine:
        latest, seconds = self.latest.get(job), max(0.0, now - since)
        # Bounded by the time of the run, which does not advance while pexec is suspended.
        silent = seconds if latest is None else min(seconds, self._clock() - latest.at)
        text = b"" if latest is None else latest.text
        return JobLine(job, self._prefixes.style_of(job), seconds, text, silent, self._attempts.get(job, ""))

    def _waiting(self, not_before: float, job: str, which: str, now: float) -> JobLine:
        wait = whole_seconds(max(0.0, not_before - now))
        return JobLine(job, self._prefixes.style_of(job), None, note=f"retrying in {wait} ({which})")
