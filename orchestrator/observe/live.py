"""`--output live`: like `plain`, with a region at the bottom of the terminal that shows what runs.

Nothing is drawn, and rich is not imported, before a job has been running for a moment. A frame is drawn at most every
quarter of a second, and so rarely that drawing takes 2 % of a CPU and a slow terminal has time for the output of jobs.
All for the console thread.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping

from orchestrator.console.terminal import Terminal, TerminalSize
from orchestrator.journal.events import EventRecord
from orchestrator.observe.job_prefix import JobPrefixes
from orchestrator.observe.live_frame import FrameRenderer
from orchestrator.observe.live_region import AboveRegion, LiveRegion
from orchestrator.observe.live_state import LiveState
from orchestrator.observe.log_view import LatestOutput
from orchestrator.observe.progress_lines import ProgressLines
from orchestrator.observe.stream import TextSink
from orchestrator.plan.model import Plan, PlannedJob

FIRST_FRAME_SECONDS = 0.3  # after the first job has started
FIRST_WAIT_SECONDS = 1.0  # after the start of a run whose jobs wait for workers
FRAME_SECONDS = 0.25
_CPU_SHARE = 50  # of the time, one part may be spent on drawing, by the CPU
_WRITE_SHARE = 5  # and by the clock, which a slow terminal takes longer
_LEAST_WIDTH = 10


class LiveProgress:
    """An observer of the run, and the last view of its thread. `succeeded` are the jobs (by index) that had succeeded
    before the run was resumed, `jobs` those of the plan, by id; `now` returns the second of the run."""

    events = tuple({*ProgressLines.events, *LiveState.events})

    def __init__(
        self,
        err: TextSink,
        terminal: Terminal,
        plan: Plan,
        jobs: dict[str, PlannedJob],
        prefixes: JobPrefixes,
        now: Callable[[], float],
        *,
        succeeded: Collection[int] = (),
        colour: bool = False,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._region = region = LiveRegion(err, terminal)
        self.above = AboveRegion(region)
        self.above_at_once = AboveRegion(region, at_once=True)
        total, drains = len(jobs) - len(succeeded), plan.policy.fail_fast == "drain"
        self._progress = ProgressLines(self.above, total, jobs=jobs, drains=drains, colour=colour)
        self._state = LiveState(plan, jobs, self._progress, prefixes, succeeded, clock)
        self._renderer = FrameRenderer(colour=colour, encoding=terminal.encoding)
        self._terminal = terminal
        self._now = now
        self._clock = clock
        self._due: float | None = None  # when the next frame is; None before the first job, and first wait for workers
        self._drawn_for = TerminalSize(0, 0)

    def follow_output(self, latest: Mapping[str, LatestOutput]) -> None:
        """Show for each job the last text in this mapping, which changes during the run."""
        self._state.latest = latest

    def print_status(self, now: float) -> None:
        """Print the progress at this second of the run."""
        self._progress.print_status(now)
        self._region.draw()

    def on_event(self, record: EventRecord) -> None:
        """Follow the run."""
        self._progress.on_event(record)
        self._state.add(record)
        if self._due is None and record["event"] == "attempt.started":
            self._due = self._clock() + FIRST_FRAME_SECONDS
        elif self._due is None and self._state.waits_for_workers:
            self._due = self._clock() + FIRST_WAIT_SECONDS

    @property
    def why_none(self) -> Callable[[], str]:
        """Why there is no worker, in a run on a cluster; may be called here."""
        return self._state.why_none

    @why_none.setter
    def why_none(self, why: Callable[[], str]) -> None:
        self._state.why_none = why

    def show(self) -> bool:
        """Draw what is new, and the next frame if it is due."""
        self._progress.show()
        if self._due is None or not (self._clock() >= self._due or self._is_resized()):
            self._region.draw()
            return False
        began, used = self._clock(), time.thread_time()
        self._prepare_frame()
        self._region.draw()
        took, used = self._clock() - began, time.thread_time() - used
        self._due = began + max(FRAME_SECONDS, _CPU_SHARE * used, _WRITE_SHARE * took)
        return False

    def wait_seconds(self) -> float | None:
        """Until the next frame."""
        return None if self._due is None else max(0.0, self._due - self._clock())

    def finish(self) -> None:
        """Erase the region."""
        self._region.prepare((), 0)
        self._region.draw()

    def pause(self) -> None:
        """Erase the region until `resume`: pexec will be suspended."""
        self._region.pause()

    def resume(self) -> None:
        """pexec continues."""
        self._region.resume()
        self._due = self._clock() if self._due is not None else None

    def _is_resized(self) -> bool:
        return self._drawn_for.width > 0 and self._terminal.size() != self._drawn_for

    def _prepare_frame(self) -> None:
        size = self._drawn_for = self._terminal.size()
        width = size.width - 1  # a cursor behind the last column would wrap in some terminals and not in others
        if width >= _LEAST_WIDTH and self._state.is_running and self._terminal.may_draw():
            lines = self._renderer.lines(self._state.frame(self._now(), size.height), width)
            self._region.prepare(lines[: max(1, size.height - 1)], size.width)
        else:
            self._region.prepare((), 0)
