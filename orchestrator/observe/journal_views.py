"""The journal as the source of what is shown: its events for observers, or its lines as they are.

Both views read what was appended since the last time from the journal's own descriptor.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Sequence
from typing import Protocol

import msgspec

from orchestrator.errors import EnvironmentFailedError
from orchestrator.journal.events import EventRecord
from orchestrator.observe.stream import ConsoleStream

_BLOCK = 1 << 16
_decode = msgspec.json.Decoder().decode
_NAME = b'"event":"'


class EventObserver(Protocol):
    """Follows the events of a run, of which it needs those named in `events`."""

    @property
    def events(self) -> Collection[str]:
        """The names of the events that `on_event` gets."""

    def on_event(self, record: EventRecord) -> None:
        """Follow the run."""


class JournalTail:
    """The whole lines that are appended to a journal from now on, in blocks."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._offset = os.fstat(descriptor).st_size

    def blocks(self) -> Iterator[bytes]:
        """What is new. Raises EnvironmentFailedError."""
        size = _BLOCK
        while block := self._read(size):
            end = block.rfind(b"\n") + 1
            if end:
                self._offset += end
                yield block[:end]
            elif len(block) < size:
                return
            else:
                size *= 2  # a very long line

    def skip(self) -> int:
        """Leave out what is new; its size."""
        before, self._offset = self._offset, os.fstat(self._descriptor).st_size
        return self._offset - before

    def _read(self, size: int) -> bytes:
        try:
            return os.pread(self._descriptor, size, self._offset)
        except OSError as error:
            raise EnvironmentFailedError(f"the journal cannot be read: {error.strerror}", code="PX301") from error


class EventView:
    """Passes each new event to the observers that need it, in their order."""

    def __init__(self, journal: JournalTail, observers: Sequence[EventObserver]) -> None:
        self._journal = journal
        self._observers = tuple((frozenset(observer.events), observer.on_event) for observer in observers)
        self._wanted = {name.encode() for names, _ in self._observers for name in names}

    def show(self) -> bool:
        """Pass on what is new."""
        for block in self._journal.blocks():
            for line in block.splitlines():
                start = line.index(_NAME) + len(_NAME)
                if line[start : line.index(b'"', start)] not in self._wanted:
                    continue
                record: EventRecord = _decode(line)
                event = record["event"]
                for names, on_event in self._observers:
                    if event in names:
                        on_event(record)
        return False

    def wait_seconds(self) -> None:
        """Only the journal has something to show."""

    def finish(self) -> None:
        """Everything was passed on."""


class LinesView:
    """`--output jsonl`: the lines of the journal, byte for byte."""

    def __init__(self, journal: JournalTail, out: ConsoleStream) -> None:
        self._journal = journal
        self._out = out

    def show(self) -> bool:
        """Print what is new."""
        for block in self._journal.blocks():
            self._out.write_bytes(block)
            if not self._out.is_open:
                self._out.skip(self._journal.skip())
        return False

    def wait_seconds(self) -> None:
        """Only the journal has something to show."""

    def finish(self) -> None:
        """Everything was printed."""
