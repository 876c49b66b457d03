"""Reading a journal: every line is checked, a torn last line is tolerated, any other damage is refused."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator

import msgspec

from orchestrator.errors import RefusedError
from orchestrator.journal.events import EVENTS, LATER_FIELDS, OPTIONAL, VERSION, EventRecord
from orchestrator.journal.file_names import JOURNAL
from orchestrator.journal.rundir import RunDir
from orchestrator.journal.safe_files import failed

_decode = msgspec.json.Decoder().decode
_NEWLINE = ord("\n")
_SUFFIX = len(',"crc":"01234567"}\n')
_BUFFER = 256 * 1024
_KEYS = {
    event: frozenset(fields) - LATER_FIELDS.get(event, frozenset()) - OPTIONAL | {"ts", "at", "run_id"}
    for event, fields in EVENTS.items()
}


class JournalReader:
    """Iterates over the records of a journal, one line at a time; iterating again continues with the lines added since.

    The journal may still be growing. Raises RefusedError for damage, naming the first damaged line, and
    EnvironmentFailedError if the file cannot be read.
    """

    def __init__(self, rundir: RunDir) -> None:
        self._rundir = rundir
        self._run_id: str | None = None
        self.next_seq = 0
        self.whole_bytes = 0  # of all whole lines read so far
        self.torn = b""  # the bytes after the last newline: a line that was being written

    def __iter__(self) -> Iterator[EventRecord]:
        path = self._rundir.path_of(JOURNAL)
        self.torn = b""
        try:
            with os.fdopen(self._rundir.open_for_reading(JOURNAL), "rb", _BUFFER) as lines:
                lines.seek(self.whole_bytes)
                for line in lines:
                    if line[-1] != _NEWLINE:
                        self.torn = line
                        return
                    record = self._checked(line)
                    self.next_seq += 1
                    self.whole_bytes += len(line)
                    yield record
        except OSError as error:
            raise failed(f"`{path}` cannot be read", error) from error

    def _checked(self, line: bytes) -> EventRecord:
        if line[-_SUFFIX:] != b',"crc":"%08x"}\n' % zlib.crc32(line[:-_SUFFIX]):
            raise self._damaged("its checksum is wrong")
        try:
            record: EventRecord = _decode(line)
            version, seq, run_id, keys = record["v"], record["seq"], record["run_id"], _KEYS.get(record["event"])
        except (msgspec.DecodeError, UnicodeDecodeError, KeyError, TypeError) as error:
            raise self._damaged("it is not an event") from error
        if version != VERSION:
            raise RefusedError(
                f"`{self._rundir.path_of(JOURNAL)}` has version {version}; this pexec reads version {VERSION}",
                help="was the run started by a newer pexec?",
                code="PX405",
            )
        if seq != self.next_seq:
            raise self._damaged(f"expected `seq` {self.next_seq}, found {seq}")
        if keys is None or not record.keys() >= keys:
            raise self._damaged("it is not a known event")
        if run_id != self._run_id:
            if self._run_id is not None:
                raise self._damaged("it belongs to another run")
            self._run_id = run_id
        return record

    def _damaged(self, why: str) -> RefusedError:
        return RefusedError(
            f"`{self._rundir.path_of(JOURNAL)}` is damaged: line {self.next_seq + 1}: {why}",
            help="the lines before it are intact, but the run cannot be resumed",
            code="PX405",
        )
