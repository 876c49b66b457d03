"""Prints logs of attempts: their bytes on stdout, a line about each on stderr."""

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
    """Opens logs of a run for printing. When several are printed at once, each says when it goes on."""

    def __init__(self, rundir: RunDir) -> None:
        self._rundir = rundir
        self._github = on_github()
        self._safe = sys.stdout.isatty() or (self._github and not _is_file(sys.stdout.fileno()))
        self.told_last: PrintedLog | None = None

    def open(self, attempt: Attempt) -> PrintedLog:
        """The log of an attempt; a context manager."""
        colour = wants_colour(sys.stdout, os.environ)
        lines = SafeLines(colour=colour, github=self._github) if self._safe else None
        return PrintedLog(self, attempt, LogReader(self._rundir, attempt.log), lines)


class PrintedLog:
    """A log that is printed bit by bit: byte for byte, or through `lines`. Methods say whether somebody still reads."""

    def __init__(self, printer: LogPrinter, attempt: Attempt, reader: LogReader, lines: SafeLines | None) -> None:
        self.attempt = attempt
        self._printer = printer
        self._reader = reader
        self._lines = lines
        self._begun = False
        self.ended = False  # and all of it is printed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def go_on(self, *, driven: bool) -> bool:
        """Print what has come since the last time; at first a line about the attempt, and one when it has ended."""
        begins, self.ended = not self._begun, self.attempt.ended_at is not None
        if begins:
            self._tell(driven=driven)
        for chunk in self._reader:
            if self._printer.told_last is not self:
                self._tell(driven=driven)
            if not write_stdout(chunk if self._lines is None else self._lines.feed(chunk)):
                return False
        if self.ended:
            if not self.finish():
                return False
            if not begins:
                self._tell(driven=driven)
            self.close()
        return True

    def finish(self) -> bool:
        """Print what is left of a last line."""
        return write_stdout("" if self._lines is None else self._lines.finish())

    def _tell(self, *, driven: bool) -> None:
        """Say which attempt this is, when it ran, and how it stands."""
        self._begun = True
        self._printer.told_last = self
        write_stderr(headline(self.attempt, driven=driven) + "\n")

    def close(self) -> None:
        """Give the log back."""
        self._reader.close()


def _is_file(descriptor: int) -> bool:
    return stat.S_ISREG(os.fstat(descriptor).st_mode)
