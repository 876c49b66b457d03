"""What a journal says to the process that goes on with its run: how far every job is, and what was left undone.

A pure fold. What follows from a fact stands right behind it in the journal; where the journal was cut, the last of it
may be missing, and then this knows what to add.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from orchestrator.engine.facts import Consequence
from orchestrator.engine.scheduler import Scheduler
from orchestrator.journal.events import consequence_to_fields, fact_from_event
from orchestrator.plan.model import Plan

Record = Mapping[str, Any]


class Process(Struct, frozen=True):
    """The process of an attempt; `boot_id` and `start_ticks` tell it from others that get the same number."""

    job: int
    attempt: int
    pid: int
    start_ticks: int
    boot_id: str


class History:
    """Add the records of a run in order; `plan` is the plan that it followed.

    `scheduler` is the state that they lead to, `at` the latest second, `missing` what followed from facts and was not
    written, in order. `result` is that of a run that has ended, else None.
    """

    def __init__(self, plan: Plan) -> None:
        self.scheduler = Scheduler(plan)
        self.at = 0.0
        self.result: str | None = None
        self._ids = tuple(job.id for job in plan.jobs)
        self._index_of = {job_id: index for index, job_id in enumerate(self._ids)}
        self._missing: dict[tuple[str, str], Consequence] = {}
        self._processes: dict[int, Process] = {}
        self._boot_id = ""

    def add(self, record: Record) -> None:
        """Take in the next record. Raises IllegalMove for what cannot have happened, KeyError for an unknown job."""
        event = record["event"]
        self.at = max(self.at, record["at"])
        if event in ("job.finished", "retry.scheduled"):
            self._missing.pop((event, record["job"]), None)
        elif event == "attempt.spawned":
            index, attempt = self._index_of[record["job"]], record["attempt"]
            self._processes[index] = Process(index, attempt, record["pid"], record["start_ticks"], self._boot_id)
        elif event == "run.finished":
            self.result = record["result"]
        else:
            self._apply(record)

    @property
    def missing(self) -> list[Consequence]:
        return list(self._missing.values())

    @property
    def under_way(self) -> list[Process]:
        """The processes of attempts that have no end, as far as they were known."""
        running = set(self.scheduler.running)
        return [process for process in self._processes.values() if (process.job, process.attempt) in running]

    def _apply(self, record: Record) -> None:
        if record["event"] in ("run.started", "run.resumed"):
            self._boot_id, self.result = record["boot_id"], None
        fact = fact_from_event(record, self._index_of)
        if fact is None:
            return
        for consequence in self.scheduler.apply(fact):
            event, fields = consequence_to_fields(consequence, self._ids)
            self._missing[event, fields["job"]] = consequence
