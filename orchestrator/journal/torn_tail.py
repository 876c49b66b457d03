"""The torn tail of a journal: a last line that a killed writer left unfinished. It is cut and kept in a file."""

from __future__ import annotations

import os

from orchestrator.journal.file_names import JOURNAL
from orchestrator.journal.rundir import RunDir
from orchestrator.journal.safe_files import failed

_BLOCK = 1 << 16


def cut_torn_tail(rundir: RunDir) -> int:
    """Cut everything after the last newline, keep it in `torn-<offset>.bin` next to the journal, and return its size.

    Takes the lock. Call it before the first line is appended.
    """
    journal = rundir.lock()
    size = os.fstat(journal).st_size
    whole = _end_of_lines(journal, size)
    if whole < size:
        rundir.replace(f"torn-{whole}.bin", os.pread(journal, size - whole, whole))
        try:
            os.ftruncate(journal, whole)
            os.fsync(journal)
        except OSError as error:
            raise failed(f"`{rundir.path_of(JOURNAL)}` cannot be truncated", error) from error
    return size - whole


def _end_of_lines(journal: int, size: int) -> int:
    """The offset after the last newline."""
    end = size
    while end > 0:
        start = max(0, end - _BLOCK)
        newline = os.pread(journal, end - start, start).rfind(b"\n")
        if newline >= 0:
            return start + newline + 1
        end = start
    return 0
