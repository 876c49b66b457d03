"""Plain output: each line of a job with its id as prefix on stdout, and a progress line for each end on stderr."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Mapping

from orchestrator.console.sanitize import safe_line
from orchestrator.console.text import count, duration, visible
from orchestrator.journal.events import EventRecord
from orchestrator.observe.logs import split_lines
from orchestrator.observe.stream import TextSink
from orchestrator.report.counts import JobCounts
from orchestrator.report.status import STATUS_OF_EVENT, Status

_MOST_SHOWN = 20
# What is left running after another end is what was stopped.
_ENDED_BY_THEMSELVES = ("succeeded", "failed")


class LinePrefixer:
    """Splits the output of attempts into lines and writes each, prefixed with `<job> | `, in the order it came.

    `feed` is called in the attempt's thread, `finish` when the attempt has ended. A line longer than 64 KiB is shown
    in pieces, so that memory stays bounded; the log has it unchanged.
    """

    def __init__(self, out: TextSink, *, colour: bool, github: bool) -> None:
        self._out = out
        self._colour = colour
        self._github = github
        self._rest: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def feed(self, job: str, chunk: bytes) -> None:
        """Show the lines that `chunk` completes."""
        with self._lock:
            data = self._rest.pop(job, b"") + chunk
        lines, rest = split_lines(data)
        if rest:
            with self._lock:
                self._rest[job] = rest
        if lines:
            self._out.write("".join(self._prefixed(job, line) for line in lines))

    def finish(self, job: str) -> None:
        """Show the rest of a last line that has no newline."""
        with self._lock:
            rest = self._rest.pop(job, b"")
        if rest:
            self._out.write(self._prefixed(job, rest))

    def _prefixed(self, job: str, line: bytes) -> str:
        return f"{visible(job)} | {safe_line(line, colour=self._colour, github=self._github)}\n"


class ProgressLines:
    """One line on stderr for each job that ends, and for each retry: `[3/12] build failed in 1.2 s: exit code 2`.

    `max_attempts` holds, by job id, how many attempts the retry policy allows. `on_event` is called in the driver's
    thread.
    """

    def __init__(
        self, err: TextSink, total: int, *, only_failures: bool = False, max_attempts: Mapping[str, int] | None = None
    ) -> None:
        self._err = err
        self._total = total
        self._only_failures = only_failures
        self._max_attempts = max_attempts or {}
        self._started: dict[str, float] = {}  # when its first attempt started
        self._running: dict[str, float] = {}  # when its current attempt started
        self._resumed: set[str] = set()  # jobs with attempts before a resume, which do not count for the policy
        self._phrases: dict[str, str] = {}  # how its latest attempt ended, unless it succeeded
        self._left_running: Counter[str] = Counter()  # processes that its attempts left running
        self._statuses: Counter[Status] = Counter()
        self._allowed: Counter[Status] = Counter()

    def print_status(self, now: float) -> None:
        """Print the progress at this second of the run. May be called from any thread."""
        running = list(self._running.items())
        open_jobs = {Status.RUNNING: len(running), Status.PENDING: self._total - self._ended - len(running)}
        counts = JobCounts(self._statuses | open_jobs, self._allowed, driven=True)
        text = f"pexec: {duration(now)}: {counts}\n"
        for job, since in running[:_MOST_SHOWN]:
            text += f"  {visible(job)}: running for {duration(now - since)}\n"
        if len(running) > _MOST_SHOWN:
            text += f"  ... and {len(running) - _MOST_SHOWN} more\n"
        self._err.write(text)

    def on_event(self, record: EventRecord) -> None:
        """Follow the run."""
        match record["event"]:
            case "attempt.started":
                self._attempt_started(record)
            case "attempt.finished":
                self._running.pop(record["job"], None)
                if record["verdict"] in _ENDED_BY_THEMSELVES:
                    self._left_running[record["job"]] += record.get("leftover_killed", 0)
                if record["verdict"] in STATUS_OF_EVENT:
                    self._phrases[record["job"]] = STATUS_OF_EVENT[record["verdict"]].phrase
            case "retry.scheduled":
                self._retry_scheduled(record)
            case "job.finished":
                self._job_finished(record)
            case "cancel.requested":
                self._cancel_requested(record)
            case "degraded":
                self._err.write(f"warning: {visible(record['what'])}: {visible(record['why'])}\n")
            case _:
                pass

    @property
    def _ended(self) -> int:
        return self._statuses.total()

    def _print(self, job: str, what: str) -> None:
        self._err.write(f"[{self._ended}/{self._total}] {visible(job)} {visible(what)}\n")

    def _attempt_started(self, record: EventRecord) -> None:
        job = record["job"]
        if job not in self._started:
            self._started[job] = record["at"]
            if record["attempt"] > 1:
                self._resumed.add(job)
        self._running[job] = record["at"]

    def _retry_scheduled(self, record: EventRecord) -> None:
        job, attempt = record["job"], record["attempt"]
        wait = duration(max(0.0, record["not_before"] - record["at"]))
        most = 0 if job in self._resumed else self._max_attempts.get(job, 0)
        which = f"attempt {attempt} of {most}" if attempt <= most else f"attempt {attempt}"
        reason = f" ({record['reason']})" if record["reason"] else ""
        self._print(job, f"{self._phrases.get(job, 'failed')}{reason}; retrying in {wait} ({which})")

    def _job_finished(self, record: EventRecord) -> None:
        status = STATUS_OF_EVENT[record["status"]]
        started = self._started.pop(record["job"], None)
        self._phrases.pop(record["job"], None)
        self._statuses[status] += 1
        self._allowed[status] += record["allowed"]
        if self._only_failures and status is Status.SUCCESS:
            return
        text = status.words
        if started is not None:
            text += f" in {duration(record['at'] - started)}"
        if record["reason"]:
            text += f": {record['reason']}"
        if record["allowed"]:
            text += " (allowed)"
        if left := self._left_running.pop(record["job"], 0):
            text += f"; ended {count(left, 'process', 'processes')} it left running"
        self._print(record["job"], text)

    def _cancel_requested(self, record: EventRecord) -> None:
        if record["reason"] == "fail_fast" and record["job"] is not None:
            return  # one job of a matrix: its end, which follows at once, has the reason
        running = f"stopping {count(len(self._running), 'job')}" if self._running else "no job is running"
        text = {
            "user": f"cancelled: {running}",
            "deadline": "stopping: the run's deadline has passed",
            "fail_fast": "stopping: a job failed and fail-fast is on",
        }[record["reason"]]
        if record["force"]:
            text = "killing all running jobs"
        elif record["reason"] == "user" and self._running:
            text += "; press Ctrl-C again to kill" + (" it" if len(self._running) == 1 else " them")
        self._err.write(f"pexec: {text}\n")


class PlainOutput:
    """`--output plain`."""

    def __init__(
        self,
        out: TextSink,
        err: TextSink,
        total: int,
        *,
        colour: bool,
        github: bool,
        max_attempts: Mapping[str, int] | None = None,
    ) -> None:
        self._lines = LinePrefixer(out, colour=colour, github=github)
        self.progress = ProgressLines(err, total, max_attempts=max_attempts)

    def on_output(self, job: str, chunk: bytes) -> None:
        """Bytes that an attempt of `job` printed; called in the attempt's thread."""
        self._lines.feed(job, chunk)

    def on_event(self, record: EventRecord) -> None:
        """Follow the run."""
        if record["event"] == "attempt.finished":
            self._lines.finish(record["job"])
        self.progress.on_event(record)
