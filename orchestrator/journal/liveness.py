"""Whether a process drives a run, and the first and last event of its journal: for commands that only look."""

from __future__ import annotations

import fcntl
import os
import zlib
from typing import Any

import msgspec

from orchestrator.journal.file_names import JOURNAL
from orchestrator.journal.rundir import RunDir
from orchestrator.journal.safe_files import failed

_BLOCK = 64 * 1024


def is_driven(rundir: RunDir) -> bool:
    """Whether a process is writing this run now; a run without a journal has no writer."""
    try:
        journal = rundir.open_for_reading(JOURNAL)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise failed(f"`{rundir.path_of(JOURNAL)}` cannot be read", error) from error
    try:
        # Held only for a moment; a process that wants to become the writer meanwhile tries again.
        fcntl.flock(journal, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(journal)
    return False


def last_event(rundir: RunDir) -> dict[str, Any] | None:
    """The record of the last whole line, None if there is none or its checksum is wrong. Only the end is read."""
    try:
        journal = rundir.open_for_reading(JOURNAL)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise failed(f"`{rundir.path_of(JOURNAL)}` cannot be read", error) from error
    try:
        return _checked(_last_line(journal))
    finally:
        os.close(journal)


def first_event(rundir: RunDir) -> dict[str, Any] | None:
    """The record of the first line, None unless it is whole and its checksum is right."""
    try:
        with open(rundir.open_for_reading(JOURNAL), "rb") as journal:
            return _checked(journal.readline())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise failed(f"`{rundir.path_of(JOURNAL)}` cannot be read", error) from error


def _last_line(journal: int) -> bytes:
    """The last line that ends in a newline, including it; empty if there is none."""
    tail, start = b"", os.fstat(journal).st_size
    while start > 0:
        start, size = max(0, start - _BLOCK), min(start, _BLOCK)
        tail = os.pread(journal, size, start) + tail
        end = tail.rfind(b"\n")
        before = tail.rfind(b"\n", 0, max(end, 0))
        if before >= 0:
            return tail[before + 1 : end + 1]
    return tail[: tail.rfind(b"\n") + 1]


def _checked(line: bytes) -> dict[str, Any] | None:
    body, mark, crc = line.rpartition(b',"crc":"')
    if not mark or crc != b'%08x"}\n' % zlib.crc32(body):
        return None
    try:
        record = msgspec.json.decode(line)
    except msgspec.DecodeError:
        return None
    return record if isinstance(record, dict) else None
