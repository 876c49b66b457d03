"""A sign of life in output that is silent: `still running: train (2m 10s)`. CI services end jobs that print nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from orchestrator.console.text import count, visible, whole_seconds
from orchestrator.observe.progress_lines import ProgressLines
from orchestrator.observe.stream import ConsoleStream, TextSink
from orchestrator.report.status import Status

SILENT_SECONDS = 30.0  # before the first line; then twice as long each time, while nothing else is printed
_MOST_SECONDS = 300.0
_NAMES = 5


class Heartbeat:
    """A view that prints what runs when none of the streams has taken anything for a while. `now` returns the second
    of the run, `clock` the time that the streams use."""

    def __init__(
        self,
        err: TextSink,
        streams: Sequence[ConsoleStream],
        progress: ProgressLines,
        now: Callable[[], float],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._err = err
        self._streams = tuple(streams)
        self._progress = progress
        self._now = now
        self._clock = clock
        self.why_none: Callable[[], str] = str  # why there is no worker, in a run on a cluster
        self._seconds = SILENT_SECONDS
        self._own: float | None = None  # when the latest line of this view was taken
        self._printed_at = 0.0  # by `clock`; a stream that is closed takes nothing

    def show(self) -> bool:
        """Print a line if it is due."""
        silent_since = self._silent_since()
        if silent_since != self._own:
            self._seconds = SILENT_SECONDS
        if self._clock() < self._due_at():
            return False
        self._err.write(f"{still(self._progress.running, self._now()) or self._waiting()}\n")
        self._own, self._printed_at = self._silent_since(), self._clock()
        self._seconds = min(2 * self._seconds, _MOST_SECONDS)
        return False

    def wait_seconds(self) -> float:
        """Until the next line, unless something is printed before."""
        return max(0.1, self._due_at() - self._clock())

    def finish(self) -> None:
        """The run has ended."""

    def _due_at(self) -> float:
        return max(self._silent_since(), self._printed_at) + self._seconds

    def _silent_since(self) -> float:
        return max(stream.taken_at for stream in self._streams)

    def _waiting(self) -> str:
        waiting = self._progress.counts().statuses[Status.PENDING]
        why = self.why_none()
        return f"still waiting: {count(waiting, 'job')}{f' ({visible(why)})' if why else ''}"


def still(running: Mapping[str, float], now: float) -> str:
    """What runs at second `now` of the run, longest first; empty if nothing does. `running` has when each started."""
    if not running:
        return ""
    longest = sorted(running.items(), key=lambda one: one[1])
    names = ", ".join(f"{visible(job)} ({whole_seconds(now - since)})" for job, since in longest[:_NAMES])
    more = f" and {len(longest) - _NAMES} more" if len(longest) > _NAMES else ""
    return f"still running: {names}{more}"
