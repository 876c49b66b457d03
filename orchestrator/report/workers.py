"""The workers of a run: when each joined and left, why, and how much it did."""

from __future__ import annotations

from msgspec import Struct

from orchestrator.journal.events import EventRecord


class WorkerReport(Struct):
    """One worker. Seconds are those of the run; `busy` is the sum over the attempts that have ended, `running` how many
    have not, `running_since` the sum of when these started. `left_at` is None while it takes jobs; `why` is empty for
    one that left with the run."""

    name: str
    host: str
    slots: int
    joined_at: float
    left_at: float | None = None
    why: str = ""
    attempts: int = 0
    busy: float = 0.0
    running: int = 0
    running_since: float = 0.0

    def share(self, now: float) -> float:
        """The share of its slots' time in which they were busy."""
        until = now if self.left_at is None else self.left_at
        seconds = (until - self.joined_at) * self.slots
        busy = self.busy + max(0.0, until * self.running - self.running_since)
        return min(1.0, busy / seconds) if seconds > 0 else 0.0


class WorkerFold:
    """Add the events of a run in order; `workers` has all that have joined, in that order."""

    def __init__(self) -> None:
        self.workers: list[WorkerReport] = []
        self._present: dict[str, WorkerReport] = {}
        self._worker_of: dict[str, tuple[WorkerReport, float]] = {}  # job -> where its attempt runs, since when

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
                for worker, since in self._worker_of.values():
                    _ends(worker, since)
                self._present.clear()
                self._worker_of.clear()
            case "attempt.started":
                self._started(event["job"], event.get("worker"), event["at"])
            case "attempt.finished":
                if (done := self._worker_of.pop(event["job"], None)) is not None:
                    _ends(*done)
                    done[0].busy += event["duration_seconds"]

    def _started(self, job: str, name: str | None, at: float) -> None:
        worker = None if name is None else self._present.get(name)
        if worker is not None:
            worker.attempts += 1
            worker.running += 1
            worker.running_since += at
            self._worker_of[job] = worker, at


def _ends(worker: WorkerReport, since: float) -> None:
    worker.running -= 1
    worker.running_since -= since
