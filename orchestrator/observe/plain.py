"""Plain output: each line of a job behind its id on stdout, and one progress line for each end on stderr."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from orchestrator.console.sanitize import safe_line
from orchestrator.console.text import duration, visible
from orchestrator.observe.stream import Lines

MAX_LINE = 64 * 1024
_MOST_TOLD = 20


class LinePrefixer:
    """Cuts what attempts print into lines and writes each behind `<job> | `, whole, in the order it came.

    `feed` is called in the attempt's thread, `finish` when the attempt has ended. A line longer than 64 KiB is shown
    in pieces, so that memory stays flat; the log has it as it was.
    """

    def __init__(self, out: Lines, *, colour: bool, github: bool) -> None:
        self._out = out
        self._colour = colour
        self._github = github
        self._rest: dict[str, bytes] = {}
        self._lock = threading.Lock()

    def feed(self, job: str, chunk: bytes) -> None:
        """Show the lines that `chunk` completes."""
        with self._lock:
            data = self._rest.pop(job, b"") + chunk
        *lines, rest = data.split(b"\n")
        while len(rest) > MAX_LINE:
            lines.append(rest[:MAX_LINE])
            rest = rest[MAX_LINE:]
        if rest:
            with self._lock:
                self._rest[job] = rest
        if lines:
            self._out.write("".join(self._prefixed(job, line) for line in lines))

    def finish(self, job: str) -> None:
        """Show what is left of a last line that had no newline."""
        with self._lock:
            rest = self._rest.pop(job, b"")
        if rest:
            self._out.write(self._prefixed(job, rest))

    def _prefixed(self, job: str, line: bytes) -> str:
        return f"{visible(job)} | {safe_line(line, colour=self._colour, github=self._github)}\n"


class ProgressLines:
    """One line on stderr for each job that ends, and for each retry: `[3/12] build failed in 1.2 s: exit code 2`."""

    def __init__(self, err: Lines, total: int, *, only_trouble: bool = False) -> None:
        self._err = err
        self._total = total
        self._ended = 0
        self._only_trouble = only_trouble
        self._started: dict[str, float] = {}
        self._broken = 0

    def tell(self, now: float) -> None:
        """Say at this second of the run where it stands. May be called from any thread."""
        under_way = list(self._started.items())
        text = f"pexec: {duration(now)}: {self._ended} of {self._total} jobs have ended"
        if self._broken:
            text += f", {self._broken} of them without success"
        text += "; under way:\n" if under_way else "; none is under way\n"
        for job, since in under_way[:_MOST_TOLD]:
            text += f"  {visible(job)} for {duration(now - since)}\n"
        if len(under_way) > _MOST_TOLD:
            text += f"  ... and {len(under_way) - _MOST_TOLD} more\n"
        self._err.write(text)

    def on_event(self, record: Mapping[str, Any]) -> None:
        """Follow the run."""
        match record["event"]:
            case "attempt.started":
                self._started.setdefault(record["job"], record["at"])
            case "retry.scheduled":
                wait = max(0.0, record["not_before"] - record["at"])
                self._say(record["job"], f"will be tried again in {duration(wait)}: {record['reason']}")
            case "job.finished":
                self._ended += 1
                self._job_finished(record)
            case "cancel.requested":
                self._cancelled(record)
            case "degraded":
                self._err.write(f"warning: {visible(record['what'])}: {visible(record['why'])}\n")
            case _:
                pass

    def _say(self, job: str, what: str) -> None:
        self._err.write(f"[{self._ended}/{self._total}] {visible(job)} {visible(what)}\n")

    def _job_finished(self, record: Mapping[str, Any]) -> None:
        status = record["status"]
        started = self._started.pop(record["job"], None)
        self._broken += status != "succeeded"
        if self._only_trouble and status == "succeeded":
            return
        text = {"timed_out": "timed out"}.get(status, status)
        if started is not None:
            text += f" in {duration(record['at'] - started)}"
        if record["reason"]:
            text += f": {record['reason']}"
        if record["allowed"]:
            text += " (allowed)"
        self._say(record["job"], text)

    def _cancelled(self, record: Mapping[str, Any]) -> None:
        if record["reason"] == "fail_fast" and record["job"] is not None:
            return  # one job of a matrix: its end, which comes at once, tells why
        why = {
            "user": "stopping: asked to",
            "deadline": "stopping: the run's deadline has passed",
            "fail_fast": "stopping: a job failed and fail-fast is on",
        }[record["reason"]]
        if record["force"]:
            why = "killing what still runs"
        elif record["reason"] == "user":
            why += "; interrupt again to kill now"
        self._err.write(f"pexec: {why}\n")


class Plain:
    """`--output plain`."""

    def __init__(self, out: Lines, err: Lines, total: int, *, colour: bool, github: bool) -> None:
        self._lines = LinePrefixer(out, colour=colour, github=github)
        self.progress = ProgressLines(err, total)

    def on_output(self, job: str, chunk: bytes) -> None:
        """Bytes that an attempt of `job` printed; called in the attempt's thread."""
        self._lines.feed(job, chunk)

    def on_event(self, record: Mapping[str, Any]) -> None:
        """Follow the run."""
        if record["event"] == "attempt.finished":
            self._lines.finish(record["job"])
        self.progress.on_event(record)
