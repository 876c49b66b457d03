"""The progress of a run on stderr: a line for each job that ends, and the state of the run on request."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from orchestrator.console.text import count, duration, visible
from orchestrator.console.theme import FAINT, RETRY, mark_of, painted
from orchestrator.journal.events import EventRecord
from orchestrator.observe.stop_lines import stop_line
from orchestrator.observe.stream import TextSink
from orchestrator.plan.model import PlannedJob
from orchestrator.report.counts import JobCounts
from orchestrator.report.status import STATUS_OF_EVENT, Status

_MOST_SHOWN = 20
# What is left running after another end is what was stopped.
_ENDED_BY_THEMSELVES = ("succeeded", "failed")


class ProgressLines:
    """One line on stderr for each job that ends, and for each retry: `[3/12] build failed in 1.2s: exit code 2`.

    Jobs that did not start and have the same reason are one line: `[40/80] 39 jobs skipped because test-4 failed`.
    `jobs` are those of the plan, by id; `drains`: after a failure, fail-fast lets running jobs finish. Both an observer
    and a view, for the console thread.
    """

    events = (
        "attempt.started",
        "attempt.finished",
        "retry.scheduled",
        "job.finished",
        "matrix.expanded",
        "cancel.requested",
        "degraded",
    )

    def __init__(
        self,
        err: TextSink,
        total: int,
        *,
        jobs: Mapping[str, PlannedJob] | None = None,
        only_failures: bool = False,
        drains: bool = False,
        colour: bool = False,
    ) -> None:
        self.running: dict[str, float] = {}  # when its current attempt started
        self._err = err
        self._total = total
        self._jobs = jobs or {}
        self._only_failures = only_failures
        self._drains = drains
        self._colour = colour
        self._started: dict[str, float] = {}  # when its first attempt started
        self._resumed: set[str] = set()  # jobs with attempts before a resume, which do not count for the policy
        self._phrases: dict[str, str] = {}  # how its latest attempt ended, unless it succeeded
        self._left_running: Counter[str] = Counter()  # processes that its attempts left running
        self._statuses: Counter[Status] = Counter()
        self._allowed: Counter[Status] = Counter()
        self._roots: dict[str, str] = {}  # what made a job be skipped
        # Jobs to show together, by their status and what caused it; each with its own reason.
        self._unstarted: dict[tuple[Status, str], list[tuple[str, str]]] = {}

    def counts(self) -> JobCounts:
        """How the jobs of the run have ended so far."""
        running = len(self.running)
        open_jobs = {Status.RUNNING: running, Status.PENDING: self._total - self._statuses.total() - running}
        return JobCounts(self._statuses | open_jobs, self._allowed, driven=True)

    def print_status(self, now: float) -> None:
        """Print the progress at this second of the run."""
        running = list(self.running.items())
        text = f"pexec: {duration(now)}: {self.counts()}\n"
        for job, since in running[:_MOST_SHOWN]:
            text += f"  {visible(job)}: running for {duration(now - since)}\n"
        if len(running) > _MOST_SHOWN:
            text += f"  ... and {len(running) - _MOST_SHOWN} more\n"
        self._err.write(text)

    def show(self) -> bool:
        """Print what was kept to be shown together."""
        unstarted, self._unstarted = self._unstarted, {}
        for (status, cause), jobs in unstarted.items():
            style = mark_of(status.value).style
            if len(jobs) == 1:
                ((job, reason),) = jobs
                self._print(job, status.words + (f": {reason}" if reason else ""), style)
                continue
            why = f" because {cause}" if status is Status.SKIPPED else f": {cause}"
            what = f"{count(len(jobs), 'job')} {status.words}{why if cause else ''}"
            self._print_line(painted(visible(what), style, colour=self._colour))
        return False

    def wait_seconds(self) -> None:
        """Everything is shown at once."""

    def finish(self) -> None:
        """Everything was shown."""

    def on_event(self, record: EventRecord) -> None:
        """Follow the run."""
        event = record["event"]
        if event == "job.finished":
            self._job_finished(record)
        elif event == "attempt.started":
            self._attempt_started(record)
        elif event == "attempt.finished":
            self._attempt_finished(record)
        elif event == "matrix.expanded":
            self._total += len(record["cells"]) - 1
        elif event in ("retry.scheduled", "cancel.requested", "degraded"):
            self.show()
            if event == "retry.scheduled":
                self._retry_scheduled(record)
            elif event == "degraded":
                self._err.write(f"warning: {visible(record['what'])}: {visible(record['why'])}\n")
            elif line := stop_line(record, self.running, self._jobs, drains=self._drains):
                self._err.write(painted(visible(line), RETRY.style, colour=self._colour) + "\n")

    def _print(self, job: str, what: str, style: str, warning: str = "") -> None:
        text = f"{visible(job)} {painted(visible(what), style, colour=self._colour)}"
        self._print_line(text + painted(warning, RETRY.style, colour=self._colour))

    def _print_line(self, text: str) -> None:
        place = painted(f"[{self._statuses.total()}/{self._total}]", FAINT, colour=self._colour)
        self._err.write(f"{place} {text}\n")

    def _attempt_started(self, record: EventRecord) -> None:
        job = record["job"]
        if job not in self._started:
            self._started[job] = record["at"]
            if record["attempt"] > 1:
                self._resumed.add(job)
        self.running[job] = record["at"]

    def _attempt_finished(self, record: EventRecord) -> None:
        job, verdict = record["job"], record["verdict"]
        self.running.pop(job, None)
        if verdict in _ENDED_BY_THEMSELVES:
            self._left_running[job] += record.get("leftover_killed", 0)
        if verdict in STATUS_OF_EVENT:
            self._phrases[job] = STATUS_OF_EVENT[verdict].phrase

    def _retry_scheduled(self, record: EventRecord) -> None:
        job = record["job"]
        wait = duration(max(0.0, record["not_before"] - record["at"]))
        reason = f" ({record['reason']})" if record["reason"] else ""
        text = f"{self._phrases.get(job, 'failed')}{reason}; retrying in {wait} ({self.which_attempt(record)})"
        self._print(job, text, RETRY.style)

    def which_attempt(self, record: EventRecord) -> str:
        """`attempt 2 of 3`; without the number of attempts that the policy allows where a resume has changed it."""
        job, attempt = record["job"], record["attempt"]
        planned = self._jobs.get(job)
        most = 0 if planned is None or job in self._resumed else planned.retry.max_attempts
        return f"attempt {attempt} of {most}" if attempt <= most else f"attempt {attempt}"

    def _job_finished(self, record: EventRecord) -> None:
        job, reason = record["job"], record["reason"]
        status = STATUS_OF_EVENT[record["status"]]
        started = self._started.pop(job, None)
        self._phrases.pop(job, None)
        left = self._left_running.pop(job, 0)
        if started is None and status in (Status.SKIPPED, Status.CANCELLED, Status.LEFT_OUT):
            self._statuses[status] += 1
            cause = reason
            if status is Status.SKIPPED:
                # In a chain behind a job that was cancelled, a reason names only the need before.
                need = reason.removeprefix("need `").removesuffix("` was skipped")
                cause = self._roots[job] = self._roots.get(need) or root_of(reason)
            self._unstarted.setdefault((status, cause), []).append((job, reason))
            return
        self.show()
        self._statuses[status] += 1
        self._allowed[status] += record["allowed"]
        if self._only_failures and status is Status.SUCCESS:
            return
        text = status.words
        if started is not None:
            text += f" in {duration(record['at'] - started)}"
        if reason:
            text += f": {reason}"
        if record["allowed"]:
            text += " (allowed)"
        more = f"; ended {count(left, 'process', 'processes')} it left running" if left else ""
        self._print(job, text, mark_of(status.value, allowed=record["allowed"]).style, more)


def root_of(reason: str) -> str:
    """What made a job be skipped, directly or through others, from its reason: `test-4 failed`."""
    return reason.rpartition(" because ")[2].removeprefix("need ").replace("`", "")
