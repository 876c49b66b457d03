"""The workers of a run: when each joined and left, why, and how much it did."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.journal.events import EventRecord


class WorkerReport(Struct):
    """One worker. Seconds are those of the run; `busy` is the sum over the attempts that have ended. `left_at` is None
    while it takes jobs; `why` is empty for one that left with the run."""

    name: str
    host: str
    slots: int
    joined_at: float
    left_at: float | None = None
    why: str = ""
    attempts: int = 0
    busy: float = 0.0

    def share(self, now: float) -> float:
        """The share of its slots' time in which they were busy."""
        seconds = ((now if self.left_at is None else self.left_at) - self.joined_at) * self.slots
        return min(1.0, self.busy / seconds) if seconds > 0 else 0.0


class WorkerFold:
    """Add the events of a run in order; `workers` has all that have joined, in that order."""

    def __init__(self) -> None:
        self.workers: list[WorkerReport] = []
        self._present: dict[str, WorkerReport] = {}
        self._worker_of: dict[str, WorkerReport] = {}  # job -> where its attempt runs

    def add(self, event: EventRecord) -> None:
        """Add one record of the journal."""
        match event["event"]:
            case "worker.joined":
                worker = WorkerReport(event["worker"], event["host"], event["slots"], event["at"])
                self.workers.append(worker)
                self._present[worker.name] = worker
            case "worker.left":
                if (gone := self._present.pop(event["worker"], None)) is not None:
                    gone.left_at, gone.why = event["at"], event["why"]
            case "run.resumed" | "run.finished":
                for other in self._present.values():
                    other.left_at = event["at"]
                self._present.clear()
                self._worker_of.clear()
            case "attempt.started":
                self._started(event["job"], event.get("worker"))
            case "attempt.finished":
                if (done := self._worker_of.pop(event["job"], None)) is not None:
                    done.busy += event["duration_seconds"]

    def _started(self, job: str, name: str | None) -> None:
        worker = None if name is None else self._present.get(name)
        if worker is not None:
            worker.attempts += 1
            self._worker_of[job] = worker
