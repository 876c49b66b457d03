"""Lets jobs start while a worker has room for them, and remembers which: the driver asks before it records a start."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from orchestrator.cluster.placement import Demand, WorkerRoom, choose_worker
from orchestrator.engine.commands import Command, Launch
from orchestrator.execute.admission import AdmissionControl
from orchestrator.execute.attempt.spec import Place
from orchestrator.plan.model import PlannedJob


class ClusterAdmission:
    """For the driver's thread. No job overtakes another: when one must wait, so must those behind it.

    `machine` decides first, for workers that share this machine.
    """

    limits = True  # slots, in any case

    def __init__(self, jobs: Sequence[PlannedJob], machine: AdmissionControl) -> None:
        """`jobs` are those of the plan, and later those that have taken the place of a placeholder."""
        self._jobs = jobs
        self._machine = machine
        self._workers: dict[str, WorkerRoom] = {}
        self._worker_of: dict[int, str] = {}  # job -> where it runs, or will in a moment
        self.look_again_at: float | None = None

    @property
    def workers(self) -> Mapping[str, WorkerRoom]:
        """Those that take jobs, by name."""
        return self._workers

    def join(self, worker: WorkerRoom) -> None:
        """The worker takes jobs from now on."""
        self._workers[worker.name] = worker

    def leave(self, name: str) -> None:
        """The worker takes no more."""
        self._workers.pop(name, None)

    def place_of(self, job: int) -> Place:
        """Where the next attempt of the job will run."""
        name = self._worker_of.get(job) or next(iter(self._workers))
        return Place(self._workers[name].host, name)

    def admitted(self, commands: list[Command], running: Collection[int], now: float) -> list[Command]:
        """The commands without the launches that must wait, where these jobs are under way."""
        commands = self._machine.admitted(commands, running, now) if self._machine.limits else commands
        self.look_again_at = self._machine.look_again_at
        self._worker_of = {job: worker for job, worker in self._worker_of.items() if job in running}
        chosen: list[Command] = []
        one_waits = False
        for command in commands:
            if isinstance(command, Launch):
                one_waits = one_waits or not self._place(command.job)
                if one_waits:
                    continue
            chosen.append(command)
        return chosen

    def _place(self, job: int) -> bool:
        running: dict[str, list[Demand]] = {}
        for other, worker in self._worker_of.items():
            running.setdefault(worker, []).append(self._demand(other))
        name = choose_worker(self._demand(job), list(self._workers.values()), running)
        if name is not None:
            self._worker_of[job] = name
        return name is not None

    def _demand(self, job: int) -> Demand:
        return Demand(self._jobs[job].cpus, self._jobs[job].memory)
