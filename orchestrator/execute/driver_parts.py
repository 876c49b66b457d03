"""What the driver needs from others: observers, a journal, and the specs of attempts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from orchestrator.engine.commands import Launch
from orchestrator.execute.attempt.spec import AttemptSpec, Place


class Observer(Protocol):
    """Watches a run. An observer never drives: what it does or fails to do changes nothing."""

    def on_event(self, record: Mapping[str, Any]) -> None:
        """Take in a journal record that is already written. Called in the driver's thread."""


class Journal(Protocol):
    """What the driver needs of the journal."""

    def emit(self, event: str, at: float, **fields: Any) -> Mapping[str, Any]:
        """Buffer one record and return it."""

    def flush(self) -> None:
        """Append what is buffered. Raises EnvironmentFailedError; what was not appended stays buffered."""


class SpecFactory(Protocol):
    """Makes the spec that an executor gets."""

    def __call__(self, launch: Launch, serial: int, place: Place) -> AttemptSpec: ...
