"""The jobs of queueing systems that a run had submitted to get workers, from its journal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class QueuedJobs:
    """Those that were there when the last process that drove the run ended, unless that was in good order."""

    def __init__(self) -> None:
        self.left: dict[str, list[str]] = {}
        """Queueing system, as the key of a cluster -> ids of its jobs."""

    def add(self, record: Mapping[str, Any]) -> None:
        """The next record of the journal."""
        match record["event"]:
            case "worker.queued":
                self.left.setdefault(record["queue"], []).append(record["queue_job"])
            case "worker.dequeued":
                self.left[record["queue"]].remove(record["queue_job"])
            case "run.started" | "run.resumed" | "run.finished":
                self.left.clear()
