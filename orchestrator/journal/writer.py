"""Writing the journal with structlog: an event passes its processors and becomes one whole line.

    bound context -> stamp (seq, ts) -> render (JSON, crc) -> pending lines; `flush` appends them in one write

structlog is configured only here, for this logger alone; nothing global is touched.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, Mapping, MutableMapping
from typing import Any

import msgspec
from structlog import BoundLoggerBase

from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.append_file import GroupSync, LineFile
from orchestrator.journal.events import EVENTS, OPTIONAL, VERSION, EventRecord
from orchestrator.journal.file_names import BALLAST, JOURNAL
from orchestrator.journal.rundir import RunDir
from orchestrator.journal.safe_files import failed

BALLAST_BYTES = 16 * 1024
_START = b'"event":"attempt.started"'

_FIELDS = {event: (fields.keys() | {"at"}) - OPTIONAL for event, fields in EVENTS.items()}
_encode = msgspec.json.Encoder().encode


class EventLogger(BoundLoggerBase):
    """A bound logger with one method and no levels: an event is an event. It logs to a list of pending lines."""

    def emit(self, event: str, at: float, **fields: Any) -> EventRecord:
        """Buffer one event at second `at` of the run and return its whole record.

        Raises ValueError for an event, or fields of it, that are not in the closed list.
        """
        fields["at"] = at
        if fields.keys() != _FIELDS.get(event) and not _is_event(event, fields):
            raise ValueError(f"`{event}` with {sorted(fields)} is not in the list of events")
        # As structlog's `_process_event` does it, for these two kinds of processors: two of these calls for each job.
        record: Any = {**self._context, **fields, "event": event}
        for process in self._processors:
            record = process(self._logger, "append", record)
        whole: EventRecord
        (line, whole), _ = record
        self._logger.append(line)
        return whole


class Stamp:
    """Processor: sets sequence number and timestamp (UTC, microseconds). `clock` returns nanoseconds of the epoch."""

    def __init__(self, next_seq: int, clock: Callable[[], int]) -> None:
        self._seq = next_seq
        self._clock = clock
        self._second = -1
        self._date = ""

    def __call__(self, logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Set `seq` and `ts`."""
        second, nanoseconds = divmod(self._clock(), 1_000_000_000)
        if second != self._second:
            self._second = second
            self._date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        event["seq"] = self._seq
        event["ts"] = f"{self._date}.{nanoseconds // 1000:06}Z"
        self._seq += 1
        return event


def render(logger: object, method: str, event: MutableMapping[str, Any]) -> tuple[Any, ...]:
    """Last processor: the line with its checksum, and the record."""
    try:
        body = _encode(event)[:-1]
    except UnicodeEncodeError:
        event = _without_surrogates(event)
        body = _encode(event)[:-1]
    event["crc"] = crc = f"{zlib.crc32(body):08x}"
    return (b'%b,"crc":"%b"}\n' % (body, crc.encode()), event), {}


class JournalWriter:
    """Writes the journal of a run, which it locks. Use it from one thread.

    `next_seq` continues where an earlier writer ended. With `power` everything is on disk before an attempt starts, so
    that a power failure loses nothing that the attempt depends on.

    Constructing raises RefusedError if another process writes this journal, and like every method
    EnvironmentFailedError if the disk fails. After that the journal is valid and unwritten lines are kept: the next
    `flush` tries again, with 16 KiB of space that were reserved for it.
    """

    def __init__(
        self,
        rundir: RunDir,
        run_id: str,
        *,
        next_seq: int = 0,
        clock: Callable[[], int] = time.time_ns,
        power: bool = False,
    ) -> None:
        descriptor = rundir.lock()
        self._rundir = rundir
        self._file = LineFile(descriptor)
        # Not zeros: a file system with compression would reserve nothing for them.
        rundir.replace(BALLAST, bytes(range(256)) * (BALLAST_BYTES // 256))
        self._sync = GroupSync(descriptor)
        self._pending: list[bytes] = []
        self._power = power
        self._closed = False
        # These keys come first in every line, in this order.
        context = {"v": VERSION, "seq": 0, "ts": "", "at": 0.0, "run_id": run_id, "event": ""}
        self.emit = EventLogger(self._pending, [Stamp(next_seq, clock), render], context).emit

    def flush(self) -> None:
        """Append what is buffered. It then survives a crash of pexec, and about 50 ms later one of the machine."""
        if not self._pending:
            return
        starts = self._power and any(_START in line for line in self._pending)
        try:
            self._file.append(self._pending)
            if starts:
                self._file.sync()
            self._sync.changed()
        except OSError as error:
            self._rundir.remove(BALLAST)
            raise self._failed(error) from error

    def close(self) -> None:
        """Append what is buffered and wait until it is on disk. A second call does nothing.

        The run directory keeps the lock.
        """
        if self._closed:
            return
        self._closed = True
        try:
            self.flush()
        finally:
            try:
                self._sync.close()
            except OSError as error:
                raise self._failed(error) from error
            finally:
                self._rundir.remove(BALLAST)

    def _failed(self, error: OSError) -> EnvironmentFailedError:
        failure = failed(f"`{self._rundir.path_of(JOURNAL)}` cannot be written", error)
        failure.help = "free some space, then continue with `pexec resume`"
        return failure


def _is_event(event: str, fields: Mapping[str, Any]) -> bool:
    """Whether these are the fields of an event, with some that it may lack."""
    more = OPTIONAL.intersection(fields)
    return event in EVENTS and fields.keys() - more == _FIELDS[event] and more <= EVENTS[event].keys()


def _without_surrogates(value: Any) -> Any:
    """File names that are not UTF-8 contain lone surrogates, which JSON cannot hold: replace them by U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(inner) for inner in value]
    return value
