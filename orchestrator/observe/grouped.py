"""`--output grouped`: the output of a job as one block on stdout when it ends, read from its logs."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orchestrator.console.text import visible
from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.events import EventRecord
from orchestrator.journal.rundir import RunDir
from orchestrator.observe.block_frames import BlockFrame
from orchestrator.observe.logs import LogReader, SafeLines
from orchestrator.observe.stream import ConsoleStream
from orchestrator.report.status import STATUS_OF_EVENT, Status


class JobBlocks:
    """Prints the blocks in the order in which the jobs ended. For the console thread.

    `github`: no line of a job is a command to GitHub's runner. Without it the frame decides.
    """

    events = ("attempt.started", "attempt.finished", "job.finished")

    def __init__(
        self,
        out: ConsoleStream,
        rundir: RunDir,
        warn: Callable[[str], None],
        frame: BlockFrame,
        *,
        colour: bool,
        github: bool,
    ) -> None:
        self._out = out
        self._rundir = rundir
        self._warn = warn
        self._frame = frame
        self._colour = colour
        self._github = github
        self._started: dict[str, float] = {}
        self._attempts: dict[str, list[EventRecord]] = {}

    def on_event(self, record: EventRecord) -> None:
        """Print the attempts of a job that has ended."""
        job = record["job"]
        if record["event"] == "attempt.started":
            self._started.setdefault(job, record["at"])
        elif record["event"] == "attempt.finished":
            self._attempts.setdefault(job, []).append(record)
        else:
            seconds = record["at"] - self._started.pop(job, record["at"])
            if attempts := self._attempts.pop(job, []):
                self._show_block(record, attempts, seconds)

    def _show_block(self, ended: EventRecord, attempts: Sequence[EventRecord], seconds: float) -> None:
        """The block of a job, unless it printed nothing."""
        job, status = ended["job"], STATUS_OF_EVENT[ended["status"]]
        failure = "" if status is Status.SUCCESS else status.words + ", allowed" * ended["allowed"]
        begin = self._frame.begin(job, failure, len(attempts), seconds)
        is_begun = False
        for attempt in attempts:
            head = self._frame.attempt(job, attempt["attempt"] if len(attempts) > 1 else None)
            if self._show(attempt, head if is_begun else begin + head):
                is_begun = True
        if is_begun:
            self._out.write(self._frame.end())

    def _show(self, attempt: EventRecord, head: str) -> bool:
        """The log of an attempt below its head; nothing if the log is empty. Whether the head was shown."""
        lines = SafeLines(colour=self._colour, github=self._github)
        reader = LogReader(self._rundir, attempt["log"])
        is_shown = False
        try:
            for chunk in reader:
                self._write("" if is_shown else head, lines.feed(chunk))
                is_shown = True
                if not self._out.is_open:
                    self._out.skip(reader.skip())
            self._write("", lines.finish())
        except EnvironmentFailedError as error:
            self._warn(f"warning: {visible(error.message)}\n")
        finally:
            reader.close()
        return is_shown

    def _write(self, head: str, text: str) -> None:
        self._out.write(head + (text if self._github else self._frame.passed(text)))
