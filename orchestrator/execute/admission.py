"""Whether the machine has room for one more job: launches that must wait are held back and commanded again later.

The engine knows nothing of it: a command that is not admitted is simply not carried out yet. No job overtakes another:
when one must wait, so must those behind it. With nothing under way a job always starts, so a run cannot stall.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from msgspec import Struct

from orchestrator.engine.commands import Command, Launch
from orchestrator.plan.model import Plan, PlannedJob
from orchestrator.usable_cpus import usable_cpus

CHECK_SECONDS = 1.0  # the machine is examined no more often than this


class Machine(Struct, frozen=True):
    """A machine: its memory in bytes, its CPUs, available bytes, and its load (processes that run or could run)."""

    memory: int
    cpus: int
    available: int
    load: float


def look() -> Machine:
    """This machine, now."""
    with open("/proc/meminfo", "rb") as file:
        sizes = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(b":") for line in file)}
    with open("/proc/loadavg", "rb") as file:
        load = float(file.read().split()[0])
    return Machine(sizes[b"MemTotal"], usable_cpus(), sizes[b"MemAvailable"], load)


class AdmissionControl:
    """Lets jobs of a plan start while the machine has room. `look` is called at most once a second."""

    def __init__(
        self, plan: Plan, look: Callable[[], Machine] = look, jobs: Sequence[PlannedJob] | None = None
    ) -> None:
        """`jobs` are those of the plan, and later those that have taken the place of a placeholder."""
        self._jobs = plan.jobs if jobs is None else jobs
        self._least_free = plan.policy.admission.min_free_memory
        self._max_load = plan.policy.admission.max_load
        self._look = look
        self._machine: Machine | None = None
        self._looked_at = 0.0
        self._since: list[int] = []  # jobs that started after the last look, which it does not include
        # Whether anything can ever be held back.
        self.limits = (
            bool(self._least_free) or self._max_load is not None or any(job.memory or job.cpus for job in plan.jobs)
        )
        self.beyond = 0
        self.look_again_at: float | None = None

    def admitted(self, commands: list[Command], running: Collection[int], now: float) -> list[Command]:
        """The commands without the launches that must wait, where these jobs are under way.

        If any must, `look_again_at` is the second at which to ask again, else None.
        """
        self.look_again_at = None
        if not self.limits:
            return commands
        under_way = list(running)
        chosen: list[Command] = []
        for command in commands:
            if isinstance(command, Launch):
                if under_way and not self._has_room(command.job, under_way, now):
                    self.look_again_at = self._looked_at + CHECK_SECONDS
                    break
                under_way.append(command.job)
                self._since.append(command.job)
            chosen.append(command)
        return chosen

    def ended(self, job: int) -> None:
        """Nothing to note: what is under way is counted anew each time."""

    def _has_room(self, job: int, under_way: list[int], now: float) -> bool:
        machine = self._seen(now)
        return self._has_memory(machine, job, under_way) and self._has_cpus(machine, job, under_way)

    def _seen(self, now: float) -> Machine:
        if self._machine is None or now - self._looked_at >= CHECK_SECONDS:
            self._machine, self._looked_at = self._look(), now
            self._since.clear()
        return self._machine

    def _has_memory(self, machine: Machine, job: int, under_way: list[int]) -> bool:
        """By what all declare, and by what is really free."""
        declared = sum(self._jobs[other].memory for other in under_way) + self._jobs[job].memory
        soon = sum(self._jobs[other].memory for other in self._since) + self._jobs[job].memory
        return declared + self._least_free <= machine.memory and soon + self._least_free <= machine.available

    def _has_cpus(self, machine: Machine, job: int, under_way: list[int]) -> bool:
        declared = sum(self._jobs[other].cpus for other in under_way) + self._jobs[job].cpus
        if self._jobs[job].cpus and declared > machine.cpus:
            return False
        soon = sum(self._jobs[other].cpus for other in self._since) + self._jobs[job].cpus
        return self._max_load is None or (machine.load < self._max_load and machine.load + soon <= self._max_load)
