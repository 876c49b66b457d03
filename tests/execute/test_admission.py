"""Which launches wait for room on the machine, and when the machine is examined."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.worlds import job, plan

from orchestrator.engine.commands import Cancel, Command, Kill, Launch
from orchestrator.engine.states import CancelReason
from orchestrator.execute.admission import AdmissionControl, Machine, look
from orchestrator.plan.model import Plan
from orchestrator.plan.policy_parts import AdmissionPolicy

GIB = 1 << 30
IDLE = Machine(memory=8 * GIB, cpus=4, available=6 * GIB, load=0.5)


@dataclass
class Looks:
    """Shows these machines one after the other, the last one for ever; counts how often it was asked."""

    machines: list[Machine]
    count: int = field(default=0)

    def __call__(self) -> Machine:
        self.count += 1
        return self.machines[min(self.count, len(self.machines)) - 1]


def launched(commands: Sequence[Command]) -> list[int]:
    return [command.job for command in commands if isinstance(command, Launch)]


def ask(
    the_plan: Plan, machine: Machine, running: Sequence[int] = (), wished: Sequence[int] | None = None
) -> list[int]:
    """The jobs that may start of those that the engine wishes to start, or of all that do not run."""
    wished = [n for n in range(len(the_plan.jobs)) if n not in running] if wished is None else wished
    admission = AdmissionControl(the_plan, Looks([machine]))
    return launched(admission.admitted([Launch(n, 1) for n in wished], running, 0.0))


def jobs(count: int, *, policy: dict[str, Any] | None = None, **each: Any) -> Plan:
    return plan(*(job(f"j{n}", **each) for n in range(count)), **(policy or {}))


def test_without_conditions_no_job_waits_and_the_machine_is_not_examined() -> None:
    looks = Looks([IDLE])
    admission = AdmissionControl(jobs(3), looks)
    assert launched(admission.admitted([Launch(n, 1) for n in range(3)], (), 0.0)) == [0, 1, 2]
    assert (looks.count, admission.look_again_at) == (0, None)


@pytest.mark.parametrize(
    ("policy", "each", "running", "starts"),
    [
        ({"admission": AdmissionPolicy(min_free_memory=7 * GIB)}, {}, [0], []),
        ({"admission": AdmissionPolicy(min_free_memory=5 * GIB)}, {}, [0], [1, 2, 3]),
        ({"admission": AdmissionPolicy(max_load=0.5)}, {}, [0], []),
        ({"admission": AdmissionPolicy(max_load=0.6)}, {}, [0], [1, 2, 3]),
        ({}, {"memory": 3 * GIB}, [0], [1]),  # what was said of the two is 6 of 8, of three 9
        ({}, {"memory": 3 * GIB}, [], [0, 1]),
        (
            {"admission": AdmissionPolicy(min_free_memory=1 * GIB)},
            {"memory": 2 * GIB},
            [0],
            [1, 2],
        ),  # 6 GiB available: two more and 1 GiB
        ({}, {"cpus": 1.5}, [0], [1]),
        ({"admission": AdmissionPolicy(max_load=2.0)}, {"cpus": 1.0}, [0], [1]),
        ({}, {"memory": 100 * GIB}, [], [0]),
        ({"admission": AdmissionPolicy(max_load=0.1)}, {}, [], [0]),
    ],
)
def test_jobs_start_while_there_is_room_and_one_always_does(
    policy: dict[str, Any], each: dict[str, Any], running: list[int], starts: list[int]
) -> None:
    assert ask(jobs(4, policy=policy, **each), IDLE, running) == starts


def test_no_job_overtakes_one_that_waits() -> None:
    the_plan = plan(job("runs"), job("large", memory=7 * GIB), job("small", memory=1))
    assert ask(the_plan, IDLE, [0], [1, 2]) == []


def test_what_is_no_launch_is_never_held_back() -> None:
    stop: list[Command] = [Cancel(CancelReason.USER), Kill(0, 1, force=True)]
    admission = AdmissionControl(jobs(2, policy={"admission": AdmissionPolicy(max_load=0.1)}), Looks([IDLE]))
    assert admission.admitted([*stop, Launch(1, 1)], [0], 0.0) == stop


def test_the_machine_is_examined_once_a_second_and_the_next_time_is_known() -> None:
    full, free = Machine(8 * GIB, 4, 6 * GIB, 9.0), IDLE
    looks = Looks([full, free])
    admission = AdmissionControl(jobs(2, policy={"admission": AdmissionPolicy(max_load=2.0)}), looks)
    wish: list[Command] = [Launch(1, 1)]
    assert (admission.admitted(wish, [0], 10.0), admission.look_again_at) == ([], 11.0)
    assert (admission.admitted(wish, [0], 10.9), admission.look_again_at, looks.count) == ([], 11.0, 1)
    assert (admission.admitted(wish, [0], 11.0), admission.look_again_at, looks.count) == (wish, None, 2)


def test_this_machine_has_what_a_machine_has() -> None:
    machine = look()
    assert 0 < machine.available <= machine.memory
    assert machine.cpus >= 1
    assert machine.load >= 0
