"""What the driver records: written to the journal first, then shown to observers, so that a success that was shown
survives a crash."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from orchestrator.execute.driver_parts import Journal, Observer


class Records:
    """The records of one run, from a fact to the screen. `add`, then `flush`, then `show`."""

    def __init__(self, journal: Journal, observers: Sequence[Observer]) -> None:
        self._journal = journal
        self._observers = tuple(observers)
        self._unwritten: list[Mapping[str, Any]] = []
        self._unseen: list[Mapping[str, Any]] = []

    def watch(self, observers: Sequence[Observer]) -> None:
        """Show these observers what is added from now on."""
        self.publish()
        self._observers += tuple(observers)

    def add(self, event: str, at: float, **fields: Any) -> None:
        """Record an event."""
        self._unwritten.append(self._journal.emit(event, at, **fields))

    def publish(self) -> None:
        """Write what was added, and show it."""
        self.flush()
        self.show()

    def flush(self) -> None:
        """Write what was added by one write. Raises EnvironmentFailedError."""
        if self._unwritten:
            self._journal.flush()
            self._unseen += self._unwritten
            self._unwritten.clear()

    def show(self) -> None:
        """Show observers what was written; after processes were started, so that no job waits for the screen."""
        if self._unseen:
            records, self._unseen = self._unseen, []
            for observer in self._observers:
                for record in records:
                    observer.on_event(record)
