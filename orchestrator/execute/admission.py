"""Whether the machine has room for one more job: launches that must wait are held back and wished again later.

The engine knows nothing of it: it wishes, and what is not admitted is simply not carried out yet. Nobody is overtaken:
when a job must wait, so must those behind it. With nothing under way a job always starts, so a run cannot stall.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection

from msgspec import Struct

from orchestrator.engine.commands import Command, Launch
from orchestrator.plan.model import Plan

CHECK_SECONDS = 1.0  # the machine is looked at no more often than this


class Machine(Struct, frozen=True):
    """What a machine has, bytes and CPUs, and how busy it is: available bytes, and processes that run or want to."""

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
    return Machine(sizes[b"MemTotal"], len(os.sched_getaffinity(0)), sizes[b"MemAvailable"], load)


class Admission:
    """Lets jobs of a plan start while the machine has room. `look` is called at most once a second."""

    def __init__(self, plan: Plan, look: Callable[[], Machine] = look) -> None:
        self._jobs = plan.jobs
        self._least_free = plan.policy.admission.min_free_memory
        self._max_load = plan.policy.admission.max_load
        self._look = look
        self._machine: Machine | None = None
        self._looked_at = 0.0
        self._since: list[int] = []  # jobs that started since, of which the look shows nothing yet
        self._always = (
            not self._least_free and self._max_load is None and not any(job.memory or job.cpus for job in plan.jobs)
        )
        self.look_again_at: float | None = None

    def admitted(self, commands: list[Command], running: Collection[int], now: float) -> list[Command]:
        """The commands without the launches that must wait, where these jobs are under way.

        If any must, `look_again_at` is the second at which to ask again, else None.
        """
        self.look_again_at = None
        if self._always:
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

    def _has_room(self, job: int, under_way: list[int], now: float) -> bool:
        machine = self._seen(now)
        return self._has_memory(machine, job, under_way) and self._has_cpus(machine, job, under_way)

    def _seen(self, now: float) -> Machine:
        if self._machine is None or now - self._looked_at >= CHECK_SECONDS:
            self._machine, self._looked_at = self._look(), now
            self._since.clear()
        return self._machine

    def _has_memory(self, machine: Machine, job: int, under_way: list[int]) -> bool:
        """By what all were said to use, and by what is really free."""
        said = sum(self._jobs[other].memory for other in under_way) + self._jobs[job].memory
        soon = sum(self._jobs[other].memory for other in self._since) + self._jobs[job].memory
        return said + self._least_free <= machine.memory and soon + self._least_free <= machine.available

    def _has_cpus(self, machine: Machine, job: int, under_way: list[int]) -> bool:
        said = sum(self._jobs[other].cpus for other in under_way) + self._jobs[job].cpus
        if self._jobs[job].cpus and said > machine.cpus:
            return False
        soon = sum(self._jobs[other].cpus for other in self._since) + self._jobs[job].cpus
        return self._max_load is None or (machine.load < self._max_load and machine.load + soon <= self._max_load)
