"""The output of running jobs, line by line, each with the job's prefix: as the logs have it.

Jobs never wait for the screen: their threads only note which log has grown, and the console thread reads it.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable

from msgspec import Struct

from orchestrator.console.sanitize import last_text
from orchestrator.console.text import visible
from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.events import EventRecord
from orchestrator.journal.rundir import RunDir
from orchestrator.journal.safe_files import failed
from orchestrator.observe.line_prefixer import LinePrefixer, end_of_shown_line
from orchestrator.observe.logs import MAX_LINE
from orchestrator.observe.stream import ConsoleStream, TextSink

INCOMPLETE_AFTER_SECONDS = (
    1.0  # and twice as long for each further part of the same line, since it may be a progress bar
)
_MOST_SECONDS = 30.0
_BLOCK = 4 * MAX_LINE  # more than a line, so that each block has something to show
_LONGEST_WAIT_SECONDS = 10.0
_PAUSE_SECONDS = 0.05
_LAST_BYTES = 4096


class LatestOutput(Struct):
    """The last text that a running job has printed, and when (monotonic): the end of a line, or a state of a progress
    bar. At most 4 KiB."""

    text: bytes
    at: float


class _LogState(Struct):
    """How far a log is shown. `since`: when the incomplete line behind that was first seen; `wait`: the seconds until
    it is shown as it is; `in_line`: `shown` is inside of a line whose beginning was shown."""

    shown: int = 0
    since: float | None = None
    wait: float = INCOMPLETE_AFTER_SECONDS
    in_line: bool = False


class LogView:
    """Shows what logs have, in the order in which each log has it; the rest of a last line when the attempt has ended.

    With `splits_lines` a line that does not end is shown after a second as far as it goes, and its rest as a line of
    its own. `grown` is called by the threads of attempts, everything else in the console thread; `latest`, by job, may
    be read by any thread. `out` is the stream, or what writes to it.
    """

    events = ("attempt.finished",)

    def __init__(
        self,
        rundir: RunDir,
        stream: ConsoleStream,
        lines: LinePrefixer,
        warn: Callable[[str], None],
        out: TextSink | None = None,
        *,
        splits_lines: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.latest: dict[str, LatestOutput] = {}
        self._rundir = rundir
        self._stream = stream
        self._out = out or stream
        self._lines = lines
        self._warn = warn
        self._splits_lines = splits_lines
        self._clock = clock
        self._grown: dict[str, str] = {}  # log -> job; changed by all threads, in single steps
        self._logs: dict[str, dict[str, _LogState]] = {}  # job -> its logs
        self._incomplete: dict[str, str] = {}  # log -> job

    def grown(self, job: str, log: str) -> None:
        """Note that something was added to this log of the job."""
        self._grown[log] = job

    def show(self) -> bool:
        """Show one block of each log that has grown; whether there is more."""
        more = False
        for log in list(self._grown):
            job = self._grown.pop(log)
            if self._show_block(job, log):
                self._grown[log] = job
                more = True
        for log in [log for log in self._incomplete if self._seconds_left(log) <= 0]:
            self._show_incomplete(self._incomplete[log], log)
        return more

    def wait_seconds(self) -> float | None:
        """Until the next incomplete line is due."""
        return min((max(0.0, self._seconds_left(log)) for log in self._incomplete), default=None)

    def on_event(self, record: EventRecord) -> None:
        """An attempt has ended, and so has the job's cleanup if it had one: show the rest of their logs."""
        self._finish(record["job"])

    def finish(self) -> None:
        """Show the rest of all logs."""
        for job in list(self._logs):
            self._finish(job)

    def _seconds_left(self, log: str) -> float:
        state = self._logs[self._incomplete[log]][log]
        return (state.since or 0.0) + state.wait - self._clock()

    def _finish(self, job: str) -> None:
        logs = self._logs.setdefault(job, {})
        for log in [log for log, owner in list(self._grown.items()) if owner == job]:
            del self._grown[log]
            logs.setdefault(log, _LogState())
        for log in list(logs):
            while self._show_block(job, log):
                pass
            self._show_block(job, log, is_last=True)
            self._incomplete.pop(log, None)
        del self._logs[job]
        self.latest.pop(job, None)

    def _show_block(self, job: str, log: str, *, is_last: bool = False) -> bool:
        """Show the next block; whether there may be more. The last one is shown with a line that does not end."""
        state = self._logs.setdefault(job, {}).setdefault(log, _LogState())
        data = self._unshown(log, state, is_last=is_last)
        if not data:
            return False
        is_full = len(data) == _BLOCK
        self._note_latest(job, data)
        if state.in_line:
            data = self._without_its_end(data, state, is_last=is_last)
        text, end = (self._lines.lines(job, data), len(data)) if is_last else self._lines.whole_lines(job, data)
        if end:
            state.in_line, state.since, state.wait = False, None, INCOMPLETE_AFTER_SECONDS
        self._advance(job, log, state, text, end, has_rest=len(data) > end)
        return is_full

    def _show_incomplete(self, job: str, log: str) -> None:
        """Show what there is of a line that has not ended for too long."""
        state = self._logs[job][log]
        data = self._unshown(log, state, is_last=False)
        if state.in_line:
            data = self._without_its_end(data, state, is_last=False)
        text, end = self._lines.incomplete_line(job, data)
        if end:
            state.in_line = not data[:end].endswith(b"\n")
            state.wait = min(2 * state.wait, _MOST_SECONDS)
        state.since = None
        self._advance(job, log, state, text, end, has_rest=len(data) > end)

    def _advance(self, job: str, log: str, state: _LogState, text: str, end: int, *, has_rest: bool) -> None:
        state.shown += end
        if not has_rest or not self._splits_lines:
            state.since = None
            self._incomplete.pop(log, None)
        elif state.since is None:
            state.since = self._clock()
            self._incomplete[log] = job
        if text:
            self._out.write(text)

    @staticmethod
    def _without_its_end(data: bytes, state: _LogState, *, is_last: bool) -> bytes:
        """`data` without the end of a line that was shown already: no line is left of it."""
        count = end_of_shown_line(data, is_last=is_last)
        if count:
            state.shown += count
            state.in_line = False
        return data[count:]

    def _note_latest(self, job: str, data: bytes) -> None:
        text = last_text(data[-_LAST_BYTES:])
        if text or job not in self.latest:
            self.latest[job] = LatestOutput(text, self._clock())
        else:
            self.latest[job].at = self._clock()

    def _unshown(self, log: str, state: _LogState, *, is_last: bool) -> bytes:
        """The next block, empty where it cannot be read: reported for the last one. What a closed stream cannot take
        is left out."""
        try:
            if self._stream.is_open:
                return self._read(log, state.shown)
            state.shown = self._skipped(log, state.shown)
        except EnvironmentFailedError as error:
            if is_last:
                self._warn(f"warning: {visible(error.message)}\n")
        return b""

    def _skipped(self, log: str, start: int) -> int:
        """Leave out the rest of a log; its size."""
        descriptor = self._open(log)
        size = os.fstat(descriptor).st_size
        os.close(descriptor)
        self._stream.skip(size - start)
        return size

    def _read(self, log: str, start: int) -> bytes:
        descriptor = self._open(log)
        try:
            return os.pread(descriptor, _BLOCK, start)
        except OSError as error:
            raise failed(f"`{self._rundir.path_of(log)}` cannot be read", error) from error
        finally:
            os.close(descriptor)

    def _open(self, log: str) -> int:
        """Where descriptors are scarce, this waits for one."""
        give_up_at = time.monotonic() + _LONGEST_WAIT_SECONDS
        while True:
            try:
                return self._rundir.open_for_reading(log)
            except OSError as error:
                if error.errno not in (errno.EMFILE, errno.ENFILE) or time.monotonic() > give_up_at:
                    raise failed(f"`{self._rundir.path_of(log)}` cannot be read", error) from error
            time.sleep(_PAUSE_SECONDS)
