"""Prints the logs of attempts: their bytes to stdout, a line about each to stderr."""

from __future__ import annotations

import os
import stat
import sys
from typing import Self

from orchestrator.console.streams import on_github, wants_colour, write_stderr, write_stdout
from orchestrator.journal.rundir import RunDir
from orchestrator.observe.logs import LogReader, SafeLines
from orchestrator.report.attempts import Attempt, headline


class LogPrinter:
    """Opens logs of a run for printing, with `tail` only the last lines of what is there. Logs that are printed at the
    same time are introduced again on each change."""

    def __init__(self, rundir: RunDir, tail: int | None = None) -> None:
        self._rundir = rundir
        self._tail = tail
        self._github = on_github()
        self._safe = sys.stdout.isatty() or (self._github and not is_regular_file(sys.stdout.fileno()))
        self.last_introduced: PrintedLog | None = None

    def open(self, attempt: Attempt) -> PrintedLog:
        """The log of an attempt; a context manager."""
        colour = wants_colour(sys.stdout, os.environ)
        lines = SafeLines(colour=colour, github=self._github) if self._safe else None
        reader = LogReader(self._rundir, attempt.log)
        if self._tail is not None:
            reader.skip_to_last(self._tail)
        return PrintedLog(self, attempt, reader, lines)


class PrintedLog:
    """A log that is printed while it grows: byte for byte, or through `lines`. Methods return False once the reader of
    stdout has closed."""

    def __init__(self, printer: LogPrinter, attempt: Attempt, reader: LogReader, lines: SafeLines | None) -> None:
        self.attempt = attempt
        self._printer = printer
        self._reader = reader
        self._lines = lines
        self._introduced = False
        self.ended = False  # and was printed completely

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def print_new(self, *, driven: bool) -> bool:
        """Print what was added since the last call; first a line about the attempt, and another when it has ended."""
        begins, self.ended = not self._introduced, self.attempt.ended_at is not None
        if begins:
            self._introduce(driven=driven)
        for chunk in self._reader:
            if self._printer.last_introduced is not self:
                self._introduce(driven=driven)
            if not write_stdout(chunk if self._lines is None else self._lines.feed(chunk)):
                return False
        if self.ended:
            if not self.finish():
                return False
            if not begins:
                self._introduce(driven=driven)
            self.close()
        return True

    def finish(self) -> bool:
        """Print the rest of an incomplete last line."""
        return write_stdout("" if self._lines is None else self._lines.finish())

    def _introduce(self, *, driven: bool) -> None:
        """Print which attempt this is, when it ran, and its status."""
        self._introduced = True
        self._printer.last_introduced = self
        write_stderr(headline(self.attempt, seconds_of(self.attempt), driven=driven) + "\n")

    def close(self) -> None:
        """Close the log."""
        self._reader.close()


def seconds_of(attempt: Attempt) -> float:
    """From its start to its end: other than `duration_seconds`, with its cleanup. 0 while it runs."""
    from datetime import datetime

    begin, end = (datetime.fromisoformat(one) for one in (attempt.started_at, attempt.ended_at or attempt.started_at))
    return max(0.0, (end - begin).total_seconds())


def is_regular_file(descriptor: int) -> bool:
    """Whether output goes to a file, where no CI runner takes a line of it for a command."""
    return stat.S_ISREG(os.fstat(descriptor).st_mode)
