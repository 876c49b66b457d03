"""Attempts that stay on pexec's own machine while others run on workers: `where: local`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestrator.cluster.placement import LOCAL, WorkerRoom
from orchestrator.execute.attempt.worker import Worker
from orchestrator.execute.executors.open_executor import OpenExecutor, Pausable, open_executor
from orchestrator.execute.inbox import Inbox
from orchestrator.execute.this_machine import host_name
from orchestrator.plan.model import PlannedJob
from orchestrator.usable_cpus import usable_cpus


def open_for_local_jobs(
    jobs: Sequence[PlannedJob], run_dir: str, worker: Worker, inbox: Inbox[Any]
) -> OpenExecutor | None:
    """The executor of this machine for as many attempts as it has CPUs; None if no job has to run here. To be called
    in the driver's thread."""
    if all(job.where == "any" for job in jobs):
        return None
    return open_executor("local", run_dir, worker, usable_cpus(), inbox)


def room_of_this_machine() -> WorkerRoom:
    """What this machine offers to such jobs."""
    from orchestrator.execute.admission import look

    machine = look()
    return WorkerRoom(LOCAL, host_name(), usable_cpus(), machine.cpus, machine.memory)


class PausesBoth:
    """Stops the processes of attempts here and on workers."""

    def __init__(self, here: Pausable, there: Pausable) -> None:
        self._here = here
        self._there = there

    def pause(self) -> None:
        """As `Pausable.pause`."""
        self._here.pause()
        self._there.pause()

    def resume(self) -> float:
        """As `Pausable.resume`."""
        self._there.resume()
        return self._here.resume()
