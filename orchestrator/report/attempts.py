"""All attempts of a run, or of some of its jobs: when and how each started and ended, and where its log is."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from orchestrator.console.text import duration, visible
from orchestrator.journal.events import EventRecord
from orchestrator.journal.file_names import log_name
from orchestrator.plan.model import Plan
from orchestrator.plan.slugs import slugs_of


class Attempt(msgspec.Struct):
    """One attempt. `verdict` is None while it runs, or if pexec ended before it did. Timestamps are UTC. Number 0 is no
    attempt of this run: its log is that of the stored result of a job that was up to date."""

    job_id: str
    attempt: int
    log: str
    started_at: str
    ended_at: str | None = None
    duration_seconds: float | None = None
    verdict: str | None = None
    reason: str = ""
    log_bytes: int | None = None
    host: str | None = None
    worker: str | None = None


class AttemptHistory:
    """Add the events of a run in order. `of` maps the id of each selected job to its attempts, oldest first; `ended`
    has the jobs that have ended so far."""

    def __init__(self, plan: Plan, jobs: Collection[str] | None = None) -> None:
        ids = [job.id for job in plan.jobs]
        self._slug_of = dict(zip(ids, slugs_of(plan), strict=True))
        self.of: dict[str, list[Attempt]] = {job: [] for job in ids if jobs is None or job in jobs}
        self.ended: dict[str, tuple[str, str]] = {}  # job -> status and reason
        self.finished = False

    def add(self, event: EventRecord) -> None:
        """Add one record of the journal."""
        match event["event"]:
            case "attempt.started":
                self._started(event)
            case "attempt.finished":
                self._finished(event)
            case "job.cached" if event["log"]:
                self._cached(event)
            case "job.finished":
                self.ended[event["job"]] = event["status"], event["reason"]
            case "run.resumed":
                self.ended = {job: end for job, end in self.ended.items() if end[0] == "succeeded"}
                self.finished = False
            case "run.finished":
                self.finished = True

    def _started(self, event: EventRecord) -> None:
        attempts = self.of.get(event["job"])
        if attempts is not None:
            job, number = event["job"], event["attempt"]
            made = Attempt(job, number, log_name(self._slug_of[job], number), event["ts"])
            made.host, made.worker = event.get("host"), event.get("worker")
            attempts.append(made)

    def _cached(self, event: EventRecord) -> None:
        attempts = self.of.get(event["job"])
        if attempts is not None:
            when, reason = event["ts"], f"up to date, as in run {event['from_run']}"
            made = Attempt(event["job"], 0, event["log"], when, when, 0.0, "succeeded", reason, event["log_bytes"])
            attempts.append(made)

    def _finished(self, event: EventRecord) -> None:
        attempts = self.of.get(event["job"])
        if attempts:
            last = attempts[-1]
            last.ended_at, last.verdict, last.reason = event["ts"], event["verdict"], event["reason"]
            last.duration_seconds, last.log_bytes = event["duration_seconds"], event["log_bytes"]
            last.log = event["log"]


def headline(attempt: Attempt, seconds: float, *, driven: bool) -> str:
    """An attempt in one line: its job and number, start and end, how long it took, and how it ended."""
    if not attempt.attempt:
        return f"==> {visible(attempt.job_id)}: {visible(attempt.reason)}"
    where = f" on {visible(attempt.host)}" if attempt.worker is not None and attempt.host else ""
    which = f"{visible(attempt.job_id)}, attempt {attempt.attempt}{where}"
    if attempt.ended_at is None or attempt.verdict is None:
        now = "running" if driven else "interrupted with the run"
        return f"==> {which}: started {attempt.started_at}, {now}"
    how = attempt.verdict.replace("_", " ") + (f": {visible(attempt.reason)}" if attempt.reason else "")
    return f"==> {which}: started {attempt.started_at}, ended {attempt.ended_at}, {duration(seconds)}, {how}"
