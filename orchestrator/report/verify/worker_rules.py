"""The rules about workers: each start on a worker that has joined and not left, and never more than it has slots; a
result comes late only if its attempt was called lost, and once."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.console.text import count
from orchestrator.journal.events import EventRecord


class WorkerRules:
    """Pass the events of a journal to `broken_by` in order. Workers belong to the process that drives the run."""

    def __init__(self) -> None:
        self._slots: dict[str, int] = {}  # of the workers that have joined and not left
        self._worker_of: dict[str, str] = {}  # job -> where its attempt runs
        self._lost: set[tuple[str, int]] = set()  # attempts of which no result has come

    def broken_by(self, event: EventRecord) -> Iterator[str]:
        """What is wrong about this event."""
        match event["event"]:
            case "run.started" | "run.resumed":
                self._slots.clear()
                self._worker_of.clear()
            case "worker.joined":
                if event["worker"] in self._slots:
                    yield f"worker `{event['worker']}` joins a second time"
                self._slots[event["worker"]] = event["slots"]
            case "worker.left":
                if self._slots.pop(event["worker"], None) is None:
                    yield f"worker `{event['worker']}` leaves but had not joined"
            case "attempt.started" if event.get("worker") is not None:
                yield from self._started(event["job"], event["worker"])
            case "attempt.finished":
                self._worker_of.pop(event["job"], None)
                if event["verdict"] == "lost":
                    self._lost.add((event["job"], event["attempt"]))
            case "attempt.late":
                if (event["job"], event["attempt"]) not in self._lost:
                    yield f"attempt {event['attempt']} of `{event['job']}` ends late, but was not called lost before"
                self._lost.discard((event["job"], event["attempt"]))

    def _started(self, job: str, worker: str) -> Iterator[str]:
        self._worker_of[job] = worker
        slots = self._slots.get(worker)
        if slots is None:
            yield f"`{job}` starts on worker `{worker}`, which has not joined or has left"
            return
        running = sum(other == worker for other in self._worker_of.values())
        if running > slots:
            yield f"with `{job}` {count(running, 'attempt')} running on worker `{worker}`, which has {slots}"
