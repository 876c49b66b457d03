"""Which jobs start now: as many as there are free slots, in the order of the queue, as far as the pools have room."""

from __future__ import annotations

from orchestrator.engine.commands import NO_VALUES, Command, Launch
from orchestrator.engine.escalation import Escalation
from orchestrator.engine.job_table import JobTable
from orchestrator.engine.output_values import OutputValues
from orchestrator.engine.pools import Pools
from orchestrator.engine.ready_queue import ReadyQueue
from orchestrator.engine.retries import Retries
from orchestrator.plan.model import Policy


class Launches:
    """The free slots, and what starts in them."""

    __slots__ = ("_escalation", "_pools", "_queue", "_slots", "_table", "_values")

    def __init__(
        self,
        policy: Policy,
        table: JobTable,
        values: OutputValues,
        queue: ReadyQueue,
        pools: Pools,
        running: Escalation,
    ) -> None:
        self._slots = policy.max_parallel_jobs
        self._table, self._values, self._queue, self._pools, self._escalation = table, values, queue, pools, running

    @property
    def free(self) -> int:
        """The number of free slots."""
        return self._slots - len(self._escalation.running)

    def commands(self, now: float, beyond: int, retries: Retries, *, hurried: bool) -> list[Command]:
        """A command for each job that may start at this second, and for up to `beyond` more, or fewer. The time of
        those that still run in a `hurried` run is bounded."""
        if retries.waits:
            for job in retries.take_due(now):
                self._queue.add(job)
        slots = self.free
        if slots <= 0 or slots + beyond <= 0:
            return []
        table = self._table
        chosen = self._queue.choose(slots + beyond, self._pools, table.jobs, table.states, retries.is_due_at(now))
        return [self._launch(job, hurried=hurried) for job in chosen]

    def _launch(self, job: int, *, hurried: bool) -> Launch:
        spec = self._table.jobs[job].spec
        values = self._values.needed_by(job) if spec.needed_values else NO_VALUES
        return Launch(job, self._table.attempts[job] + 1, spec.cleanup_timeout if hurried else None, values)
