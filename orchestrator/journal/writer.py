"""The one door of structlog: an event goes through its chain and becomes one whole line of the journal.

    bound context -> stamp (seq, ts) -> render (JSON, crc) -> pending lines; `flush` appends them by one write

Configured here and only here, for this logger alone: nothing global is touched.
"""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable, MutableMapping
from typing import Any

import msgspec
from structlog import BoundLoggerBase

from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.append_file import GroupSync, LineFile
from orchestrator.journal.events import EVENTS, VERSION
from orchestrator.journal.file_names import BALLAST, JOURNAL
from orchestrator.journal.rundir import RunDir
from orchestrator.journal.safe_files import failed

BALLAST_BYTES = 16 * 1024
_START = b'"event":"attempt.started"'

Record = dict[str, Any]

_FIELDS = {event: frozenset(fields) | {"at"} for event, fields in EVENTS.items()}
_encode = msgspec.json.Encoder().encode


class EventLogger(BoundLoggerBase):
    """A bound logger with one method: there are no levels, an event is an event. It logs to a list of lines."""

    def emit(self, event: str, at: float, **fields: Any) -> Record:
        """Send an event through the chain, see `JournalWriter.emit`."""
        fields["at"] = at
        if fields.keys() != _FIELDS.get(event):
            raise ValueError(f"`{event}` with {sorted(fields)} is not in the list of events")
        (line, record), _ = self._process_event("append", event, fields)
        self._logger.append(line)
        return record  # type: ignore[no-any-return]


class Stamp:
    """Processor: numbers the event and dates it, UTC, to the microsecond. `clock` gives nanoseconds of the epoch."""

    def __init__(self, next_seq: int, clock: Callable[[], int]) -> None:
        self._seq = next_seq
        self._clock = clock
        self._second = -1
        self._date = ""

    def __call__(self, logger: object, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        """Fill `seq` and `ts`."""
        second, nanoseconds = divmod(self._clock(), 1_000_000_000)
        if second != self._second:
            self._second = second
            self._date = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(second))
        event["seq"] = self._seq
        event["ts"] = f"{self._date}.{nanoseconds // 1000:06}Z"
        self._seq += 1
        return event


def render(logger: object, method: str, event: MutableMapping[str, Any]) -> tuple[Any, ...]:
    """Processor: the line with its checksum, and the record."""
    try:
        body = _encode(event)[:-1]
    except UnicodeEncodeError:
        event = _without_surrogates(event)
        body = _encode(event)[:-1]
    event["crc"] = crc = f"{zlib.crc32(body):08x}"
    return (b'%b,"crc":"%b"}\n' % (body, crc.encode()), event), {}


class JournalWriter:
    """Writes the journal of a run, which it locks. For one thread.

    `next_seq` goes on where an earlier writer ended. With `power` the disk has everything before an attempt starts, so
    that also a machine that loses its power keeps what the attempt stands on.

    Constructing raises RefusedError when another process writes this journal, and like every method
    EnvironmentFailedError when the disk fails. After that the journal is valid and what is not in it yet is kept: the
    next `flush` tries again, with 16 KiB of room that were held back for it.
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
        # Not zeros: a file system that packs would hold nothing back for them.
        rundir.replace(BALLAST, bytes(range(256)) * (BALLAST_BYTES // 256))
        self._sync = GroupSync(descriptor)
        self._pending: list[bytes] = []
        self._power = power
        self._closed = False
        # These keys stand first in every line, in this order.
        context = {"v": VERSION, "seq": 0, "ts": "", "at": 0.0, "run_id": run_id, "event": ""}
        self._logger = EventLogger(self._pending, [Stamp(next_seq, clock), render], context)
        self.emit = self._logger.emit
        """Buffer one event at second `at` of the run and return its whole record.

        Raises ValueError for an event, or fields of it, that are not in the closed list.
        """

    def flush(self) -> None:
        """Append what is buffered. It survives the end of pexec now, and that of the machine within 50 ms or so."""
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
        """Append what is buffered and wait until the disk has it. A second time does nothing.

        The lock stays with the run folder.
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
        failure.help = "make room, then go on with `pexec resume`"
        return failure


def _without_surrogates(value: Any) -> Any:
    """File names that are not UTF-8 come as lone surrogates, which JSON cannot hold: show them as U+FFFD."""
    if isinstance(value, str):
        return value.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if isinstance(value, dict):
        return {_without_surrogates(key): _without_surrogates(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_surrogates(inner) for inner in value]
    return value
