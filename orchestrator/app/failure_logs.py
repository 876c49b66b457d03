"""Reads the ends of logs, for what shows them."""

from __future__ import annotations

import os
from collections.abc import Iterable

from orchestrator.console.text import clip, visible
from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.rundir import RunDir
from orchestrator.report.last_lines import LastLines, last_lines
from orchestrator.report.log_tail import MOST_BYTES, LogTail, log_tail

MOST_BYTES_IN_ALL = 16 * 1024 * 1024
WIDEST_LINE = 200  # columns of the last line of a log


def read_log_tails(
    run: RunDir, logs: Iterable[str], *, github: bool, budget: int = MOST_BYTES_IN_ALL
) -> dict[str, LogTail]:
    """The tails of these logs, first come, first served: once they have `budget` bytes together, the others are empty.

    A log that cannot be read is left out: a report with the rest is better than none.
    """
    tails: dict[str, LogTail] = {}
    for name in logs:
        try:
            with os.fdopen(run.open_for_reading(name), "rb") as file:
                size = os.fstat(file.fileno()).st_size
                amount = min(size, MOST_BYTES, budget)
                file.seek(size - amount)
                data = file.read(amount)
        except (OSError, EnvironmentFailedError):
            continue
        tails[name] = log_tail(data, size, github=github) if data else LogTail("", size)
        budget -= size - tails[name].omitted
    return tails


def read_last_lines(run: RunDir, name: str, most: int, *, github: bool) -> LastLines:
    """The last `most` lines of a log; none if it cannot be read."""
    try:
        descriptor = run.open_for_reading(name)
        try:
            size = os.fstat(descriptor).st_size
            return last_lines(lambda offset, number: os.pread(descriptor, number, offset), size, most, github=github)
        finally:
            os.close(descriptor)
    except (OSError, EnvironmentFailedError):
        return LastLines([], is_whole=True)


def read_latest_lines(run: RunDir, logs: Iterable[str]) -> dict[str, str]:
    """The last line of each of these logs that has one, with invisible characters shown."""
    last = {name: read_last_lines(run, name, 1, github=False).lines for name in logs}
    return {name: clip(visible(lines[0].strip()), WIDEST_LINE) for name, lines in last.items() if lines}
