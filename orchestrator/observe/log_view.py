"""The output of running jobs, line by line, each with the job's id as prefix: as the logs have it.

Jobs never wait for the screen: their threads only note which log has grown, and the console thread reads it.
"""

from __future__ import annotations

import errno
import os
import time
from collections.abc import Callable

from orchestrator.console.sanitize import is_safe, safe_line
from orchestrator.console.text import visible
from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.events import EventRecord
from orchestrator.journal.rundir import RunDir
from orchestrator.journal.safe_files import failed
from orchestrator.observe.logs import MAX_LINE
from orchestrator.observe.stream import ConsoleStream, TextSink

_BLOCK = 4 * MAX_LINE  # more than a line, so that each block has something to show
_LONGEST_WAIT_SECONDS = 10.0
_PAUSE_SECONDS = 0.05


class LinePrefixer:
    """Output in blocks -> lines with the prefix `<job> | ` that cannot control a terminal or a CI runner.

    A line longer than 64 KiB is shown in pieces.
    """

    def __init__(self, *, colour: bool, github: bool) -> None:
        self._colour = colour
        self._github = github

    def whole_lines(self, job: str, data: bytes) -> tuple[str, int]:
        """The whole lines at the beginning of `data`, and the bytes that they take. What follows them is less than
        64 KiB."""
        end = data.rfind(b"\n") + 1
        if len(data) - end > MAX_LINE:
            end += (len(data) - end - 1) // MAX_LINE * MAX_LINE
        return self.lines(job, data[:end]), end

    def lines(self, job: str, data: bytes) -> str:
        """All of `data`, also a last line without a newline."""
        if not data:
            return ""
        prefix = f"{visible(job)} | "
        lines = data.removesuffix(b"\n").split(b"\n")
        if max(map(len, lines)) > MAX_LINE:
            lines = [piece for line in lines for piece in _pieces(line)]
        elif not self._github:
            try:
                text = data.decode()
            except UnicodeDecodeError:
                pass
            else:
                if is_safe(text):
                    return prefix + text.removesuffix("\n").replace("\n", f"\n{prefix}") + "\n"
        return "".join(f"{prefix}{safe_line(line, colour=self._colour, github=self._github)}\n" for line in lines)


def _pieces(line: bytes) -> list[bytes]:
    return [line[start : start + MAX_LINE] for start in range(0, len(line), MAX_LINE)] or [line]


class LogView:
    """Shows what logs have, in the order in which each log has it; the rest of a last line when the attempt has ended.

    `grown` is called by the threads of attempts, everything else in the console thread. `out` is the stream, or what
    writes to it.
    """

    events = ("attempt.finished",)

    def __init__(
        self,
        rundir: RunDir,
        stream: ConsoleStream,
        lines: LinePrefixer,
        warn: Callable[[str], None],
        out: TextSink | None = None,
    ) -> None:
        self._rundir = rundir
        self._stream = stream
        self._out = out or stream
        self._lines = lines
        self._warn = warn
        self._grown: dict[str, str] = {}  # log -> job; changed by all threads, in single steps
        self._shown: dict[str, dict[str, int]] = {}  # job -> its log -> the bytes that were shown

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
        return more

    def on_event(self, record: EventRecord) -> None:
        """An attempt has ended, and so has the job's cleanup if it had one: show the rest of their logs."""
        self._finish(record["job"])

    def finish(self) -> None:
        """Show the rest of all logs."""
        for job in list(self._shown):
            self._finish(job)

    def _finish(self, job: str) -> None:
        logs = self._shown.pop(job, {})
        for log in [log for log, owner in list(self._grown.items()) if owner == job]:
            del self._grown[log]
            logs.setdefault(log, 0)
        for log, shown in logs.items():
            self._shown[job] = {log: shown}
            while self._show_block(job, log):
                pass
            self._show_block(job, log, is_last=True)
            del self._shown[job]

    def _show_block(self, job: str, log: str, *, is_last: bool = False) -> bool:
        """Show the next block; whether there may be more. The last one is shown with a line that does not end."""
        logs = self._shown.setdefault(job, {})
        start = logs.setdefault(log, 0)
        try:
            if not self._stream.is_open:
                logs[log] = self._skipped(log, start)
                return False
            data = self._read(log, start)
        except EnvironmentFailedError as error:
            if is_last:
                self._warn(f"warning: {visible(error.message)}\n")
            return False
        text, end = (self._lines.lines(job, data), len(data)) if is_last else self._lines.whole_lines(job, data)
        logs[log] = start + end
        if text:
            self._out.write(text)
        return len(data) == _BLOCK

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
