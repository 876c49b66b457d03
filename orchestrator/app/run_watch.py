"""A run that another process drives, as `pexec status --watch` shows it: like the live view, with what failed and what
the others wait for below."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress

from orchestrator.app.run_progress import RunProgress
from orchestrator.console.sanitize import last_text
from orchestrator.console.text import clip, count, visible, whole_seconds
from orchestrator.console.theme import FAINT, mark_of, painted
from orchestrator.journal.rundir import RunDir
from orchestrator.observe.job_prefix import JobPrefixes
from orchestrator.observe.live_frame import FrameRenderer, JobLine, LiveFrame
from orchestrator.report.progress import FailedJob, RunningJob, Snapshot, WaitingJob, WorkerState
from orchestrator.report.progress_text import broken, headline

_LAST_BYTES = 4096
_MOST_FAILED = 8
_WAITS = {
    "needs": "for needs",
    "after": "for other jobs",
    "check": "to be checked",
    "slot": "for a slot",
    "back-off": "to retry",
}


class RunWatch:
    """Pictures of a run that `progress` follows, for a terminal with this encoding."""

    def __init__(self, run: RunDir, progress: RunProgress, *, colour: bool, encoding: str) -> None:
        self._run = run
        self._progress = progress
        self._colour = colour
        self._renderer = FrameRenderer(colour=colour, encoding=encoding)
        self._prefixes = JobPrefixes()

    def lines(self, snapshot: Snapshot, width: int, height: int) -> list[str]:
        """The picture: at most `height` lines of at most `width` columns."""
        lines = [clip(headline(snapshot), width), *self._renderer.lines(self._frame(snapshot, height), width)]
        lines += (
            self._painted(line, width, mark_of("FAILED", allowed=allowed).style)
            for line, allowed in _failed_lines(snapshot.failed)
        )
        if snapshot.workers:
            lines.append(self._painted(_workers(snapshot.workers), width, FAINT))
        if folded := ", ".join(_waits(snapshot.waiting)):
            lines.append(self._painted(f"waiting: {folded}", width, FAINT))
        return lines[:height]

    def _painted(self, line: str, width: int, style: str) -> str:
        return painted(clip(line, width), style, colour=self._colour)

    def _frame(self, snapshot: Snapshot, height: int) -> LiveFrame:
        most = max(1, height // 3)
        retries = [one for one in snapshot.waiting if one.waits_for == "back-off"]
        running = sorted(snapshot.running, key=lambda one: -one.elapsed_seconds)
        jobs = [self._running(one) for one in running[:most]]
        jobs += [self._retried(one) for one in retries[: most - len(jobs)]]
        return LiveFrame(
            counts=snapshot.job_counts,
            elapsed=snapshot.elapsed_seconds,
            jobs=jobs,
            more=len(running) + len(retries) - len(jobs),
            retrying=len(retries) + sum(one.attempt > 1 for one in running),
            left=self._progress.seconds_left(snapshot),
        )

    def _running(self, one: RunningJob) -> JobLine:
        text, silent = self._latest(one.log_file or "")
        note = f"attempt {one.attempt}" if one.attempt > 1 else ""
        seconds = one.elapsed_seconds
        return JobLine(one.job_id, self._prefixes.style_of(one.job_id), seconds, text, min(silent, seconds), note)

    def _retried(self, one: WaitingJob) -> JobLine:
        note = f"retrying in {whole_seconds(one.seconds or 0.0)}"
        return JobLine(one.job_id, self._prefixes.style_of(one.job_id), None, note=note)

    def _latest(self, log: str) -> tuple[bytes, float]:
        """The last text in a log, and the seconds since it grew; nothing if it cannot be read."""
        with suppress(OSError):
            descriptor = self._run.open_for_reading(log)
            try:
                status = os.fstat(descriptor)
                output = os.pread(descriptor, _LAST_BYTES, max(0, status.st_size - _LAST_BYTES))
            finally:
                os.close(descriptor)
            return last_text(output), max(0.0, time.time() - status.st_mtime)
        return b"", 0.0


def _failed_lines(failed: Sequence[FailedJob]) -> Iterator[tuple[str, bool]]:
    """The latest failures, each with whether it is allowed."""
    if len(failed) > _MOST_FAILED:
        yield f"{len(failed) - _MOST_FAILED} more failed", False
    for one in failed[-_MOST_FAILED:]:
        job, how = broken(one, None)
        yield f"{visible(job)} {how}", one.allowed


def _workers(workers: Sequence[WorkerState]) -> str:
    """How many there are, and what became of the last one that left by itself."""
    present = [one for one in workers if one.left_at_seconds is None]
    busy, slots = sum(one.running for one in present), sum(one.slots for one in present)
    text = f"{count(len(present), 'worker')}: {busy} of {count(slots, 'slot')} busy"
    gone = [one for one in workers if one.why]
    if not gone:
        return text
    last = max(gone, key=lambda one: one.left_at_seconds or 0.0)
    return f"{text}; {len(gone)} left, the last on {visible(last.host)}: {visible(last.why)}"


def _waits(waiting: Sequence[WaitingJob]) -> Iterator[str]:
    """How many jobs wait for what, and how many will not run."""
    kinds = Counter(
        f"for pool {visible(', '.join(one.names))}" if one.waits_for == "pool" else _WAITS[one.waits_for]
        for one in waiting
        if one.waits_for != "back-off"
    )
    for kind, number in kinds.most_common():
        yield f"{count(number, 'job')} {kind}"
    for fate, number in Counter(one.will_be for one in waiting if one.will_be).most_common():
        yield f"{number} will be {fate}"
