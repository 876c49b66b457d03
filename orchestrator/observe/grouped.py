"""`--output grouped`: the output of a job as one block on stdout when it ends, and progress on stderr.

The block is read from the logs and not kept in memory. A helper thread prints it, so that a slow reader never delays
the run.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Mapping

from orchestrator.console.text import visible
from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.events import EventRecord
from orchestrator.journal.rundir import RunDir
from orchestrator.observe.logs import LogReader, SafeLines
from orchestrator.observe.plain import ProgressLines
from orchestrator.observe.stream import LossyStream


class GroupedOutput:
    """Prints the blocks in the order in which the jobs ended, each before its progress line. Close it after use."""

    def __init__(
        self,
        out: LossyStream,
        err: LossyStream,
        total: int,
        rundir: RunDir,
        *,
        colour: bool,
        github: bool,
        max_attempts: Mapping[str, int] | None = None,
    ) -> None:
        self._out = out
        self._err = err
        self._rundir = rundir
        self._colour = colour
        self._github = github
        self.progress = ProgressLines(err, total, max_attempts=max_attempts)
        self._attempts: dict[str, list[EventRecord]] = {}
        self._ends: queue.SimpleQueue[EventRecord | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="pexec-grouped", daemon=True)
        self._thread.start()

    def on_event(self, record: EventRecord) -> None:
        """Follow the run."""
        if record["event"] in ("attempt.finished", "job.finished"):
            self._ends.put(record)
        if record["event"] != "job.finished":  # whose line comes after the block
            self.progress.on_event(record)

    def close(self) -> None:
        """Wait until everything is printed."""
        self._ends.put(None)
        self._thread.join()

    def _work(self) -> None:
        while (record := self._ends.get()) is not None:
            if record["event"] == "attempt.finished":
                self._attempts.setdefault(record["job"], []).append(record)
                continue
            attempts = self._attempts.pop(record["job"], [])
            for attempt in attempts:
                self._show(attempt, f", attempt {attempt['attempt']}" if len(attempts) > 1 else "")
            self.progress.on_event(record)

    def _show(self, attempt: EventRecord, which: str) -> None:
        """The log of an attempt below a header line; nothing if the log is empty."""
        head = f"--- {visible(attempt['job'])}{which}\n"
        lines = SafeLines(colour=self._colour, github=self._github)
        reader = LogReader(self._rundir, attempt["log"])
        try:
            for chunk in reader:
                self._out.write(head + lines.feed(chunk))
                head = ""
            self._out.write(lines.finish())
        except EnvironmentFailedError as error:
            self._err.write(f"warning: {visible(error.message)}\n")
        finally:
            reader.close()
