"""`--output grouped`: the output of a job as one block on stdout when it ends, read from its logs."""

from __future__ import annotations

from collections.abc import Callable

from orchestrator.console.text import visible
from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.events import EventRecord
from orchestrator.journal.rundir import RunDir
from orchestrator.observe.logs import LogReader, SafeLines
from orchestrator.observe.stream import ConsoleStream


class JobBlocks:
    """Prints the blocks in the order in which the jobs ended. For the console thread."""

    events = ("attempt.finished", "job.finished")

    def __init__(
        self, out: ConsoleStream, rundir: RunDir, warn: Callable[[str], None], *, colour: bool, github: bool
    ) -> None:
        self._out = out
        self._rundir = rundir
        self._warn = warn
        self._colour = colour
        self._github = github
        self._attempts: dict[str, list[EventRecord]] = {}

    def on_event(self, record: EventRecord) -> None:
        """Print the attempts of a job that has ended."""
        if record["event"] == "attempt.finished":
            self._attempts.setdefault(record["job"], []).append(record)
            return
        attempts = self._attempts.pop(record["job"], [])
        for attempt in attempts:
            self._show(attempt, f", attempt {attempt['attempt']}" if len(attempts) > 1 else "")

    def _show(self, attempt: EventRecord, which: str) -> None:
        """The log of an attempt below a header line; nothing if the log is empty."""
        head = f"--- {visible(attempt['job'])}{which}\n"
        lines = SafeLines(colour=self._colour, github=self._github)
        reader = LogReader(self._rundir, attempt["log"])
        try:
            for chunk in reader:
                self._out.write(head + lines.feed(chunk))
                head = ""
                if not self._out.is_open:
                    self._out.skip(reader.skip())
            self._out.write(lines.finish())
        except EnvironmentFailedError as error:
            self._warn(f"warning: {visible(error.message)}\n")
        finally:
            reader.close()
