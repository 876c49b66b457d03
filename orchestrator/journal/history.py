"""What the process that resumes a run learns from its journal: the state of every job, and what was left undone.

A pure fold. The consequences of a fact follow it directly in the journal. Where the journal was cut, the last of them
may be missing; `missing` lists those to add.
"""

from __future__ import annotations

from msgspec import Struct

from orchestrator.engine.facts import Consequence
from orchestrator.engine.scheduler import Scheduler
from orchestrator.journal.events import EventRecord
from orchestrator.journal.facts_as_events import consequence_to_fields, fact_from_event
from orchestrator.journal.queued_jobs import QueuedJobs
from orchestrator.plan.model import Plan
from orchestrator.plan.policy_parts import DEFAULT_LEASE_SECONDS


class PidSpace(Struct, frozen=True):
    """Where a pid means one process: a boot of a machine, and a PID namespace of it. What is not known is empty."""

    boot_id: str = ""
    namespace: str = ""

    def is_same(self, other: PidSpace) -> bool | None:
        """Whether pids mean the same in both; None if it may be so, because a namespace is not known."""
        if not self.boot_id or self.boot_id != other.boot_id:
            return False
        return self.namespace == other.namespace if self.namespace and other.namespace else None


class AttemptProcess(Struct, frozen=True):
    """The process of an attempt; `start_ticks` distinguishes it from others with the same pid in its `space`."""

    job: int
    attempt: int
    pid: int
    start_ticks: int
    space: PidSpace


class OldWorker(Struct, frozen=True):
    """A worker that had joined and not left. `lease`: seconds that its jobs may live without a word of pexec."""

    name: str
    host: str
    pid: int
    start_ticks: int
    space: PidSpace
    lease: float


class History:
    """Add the records of a run in order; `plan` is the plan of the run.

    `scheduler` is the state that they lead to, `at` the latest second, `missing` the consequences that were not
    written, in order. `result` is None until the run has ended. `fingerprints` are those of the jobs that were
    checked, by their ids; empty where none could be taken.
    """

    def __init__(self, plan: Plan) -> None:
        self.scheduler = Scheduler(plan)
        self.at = 0.0
        self.result: str | None = None
        self.fingerprints: dict[str, str] = {}
        self.queued = QueuedJobs()
        self._ids = [job.id for job in plan.jobs]
        self.index_of = {job_id: index for index, job_id in enumerate(self._ids)}
        self._missing: dict[tuple[str, str], Consequence] = {}
        self._processes: dict[int, AttemptProcess] = {}
        self._space = PidSpace()  # of the process that drove the run
        self._space_of: dict[str, PidSpace] = {}  # by worker
        self._workers: dict[str, OldWorker] = {}
        self._worker_of: dict[int, str | None] = {}  # job -> where its latest attempt started

    def add(self, record: EventRecord) -> None:
        """Add the next record. Raises IllegalMove for a fact that cannot have happened, KeyError for an unknown job."""
        event = record["event"]
        self.at = max(self.at, record["at"])
        self.queued.add(record)
        if event in ("job.finished", "retry.scheduled", "matrix.expanded"):
            self._missing.pop((event, record["job"]), None)
        elif event == "attempt.spawned":
            index, attempt = self.index_of[record["job"]], record["attempt"]
            worker = record.get("worker")
            space = self._space if worker is None else self._space_of.get(worker, PidSpace())
            self._processes[index] = AttemptProcess(index, attempt, record["pid"], record["start_ticks"], space)
        elif event == "worker.joined":
            self._join(record)
        elif event == "worker.left":
            self._workers.pop(record["worker"], None)
        elif event == "run.finished":
            self.result = record["result"]
        else:
            if event in ("job.cached", "job.must_run"):
                self.fingerprints[record["job"]] = record["fingerprint"]
            self._apply(record)

    @property
    def missing(self) -> list[Consequence]:
        """The consequences of facts that were not written."""
        return list(self._missing.values())

    @property
    def under_way(self) -> list[AttemptProcess]:
        """The known processes of attempts that have not ended."""
        running = set(self.scheduler.running)
        return [process for process in self._processes.values() if (process.job, process.attempt) in running]

    @property
    def workers(self) -> list[OldWorker]:
        """Those that were there at the end, with or without attempts."""
        return list(self._workers.values())

    @property
    def busy_workers(self) -> set[str]:
        """The names of the workers on which attempts have not ended."""
        return {worker for job, _ in self.scheduler.running if (worker := self._worker_of.get(job)) is not None}

    def _join(self, record: EventRecord) -> None:
        name = record["worker"]
        space = self._space_of[name] = PidSpace(record["boot_id"], record["pid_namespace"])
        lease = record.get("lease_seconds", DEFAULT_LEASE_SECONDS)
        self._workers[name] = OldWorker(name, record["host"], record["pid"], record["start_ticks"], space, lease)

    def _apply(self, record: EventRecord) -> None:
        if record["event"] in ("run.started", "run.resumed"):
            self._space = PidSpace(record["boot_id"], record.get("pid_namespace", ""))
            self._space_of.clear()
            self._workers.clear()
            self.result = None
        elif record["event"] == "attempt.started":
            self._worker_of[self.index_of[record["job"]]] = record.get("worker")
        fact = fact_from_event(record, self.index_of)
        if fact is None:
            return
        consequences = self.scheduler.apply(fact)
        for job in self.scheduler.table.jobs[len(self._ids) :]:
            self._ids.append(job.id)
            self.index_of[job.id] = job.index
        for consequence in consequences:
            event, fields = consequence_to_fields(consequence, self._ids)
            self._missing[event, fields["job"]] = consequence
