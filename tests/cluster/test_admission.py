"""Jobs start while a worker has room, in order, and each where a worker was chosen for it."""

from __future__ import annotations

from typing import Any

from support.worlds import job, plan

from orchestrator.cluster.admission import ClusterAdmission
from orchestrator.cluster.placement import WorkerRoom
from orchestrator.engine.commands import Cancel, Command, Launch
from orchestrator.engine.states import CancelReason
from orchestrator.execute.admission import AdmissionControl, Machine
from orchestrator.execute.attempt.spec import Place

MACHINE = Machine(memory=1 << 40, cpus=64, available=1 << 40, load=0.0)


def admission(jobs: int, **more: Any) -> ClusterAdmission:
    of = plan(*(job(f"j{number}", **more) for number in range(jobs)))
    return ClusterAdmission(of.jobs, AdmissionControl(of, lambda: MACHINE))


def launches(*jobs: int) -> list[Command]:
    return [Launch(number, 1) for number in jobs]


def test_without_a_worker_nothing_starts() -> None:
    assert admission(2).admitted(launches(0, 1), [], 0.0) == []


def test_workers_are_filled_and_a_job_keeps_its_place_while_it_runs() -> None:
    control = admission(4)
    control.join(WorkerRoom("w1", "node-1", 1, 4, 1 << 30))
    control.join(WorkerRoom("w2", "node-2", 2, 4, 1 << 30))
    assert control.admitted(launches(0, 1, 2, 3), [], 0.0) == launches(0, 1, 2)
    assert [control.place_of(number) for number in range(3)] == [
        Place("node-2", "w2"), Place("node-1", "w1"), Place("node-2", "w2"),
    ]  # fmt: skip
    assert control.admitted(launches(3), [0, 1, 2], 1.0) == []
    assert control.admitted(launches(3), [0, 2], 2.0) == launches(3)
    assert control.place_of(3) == Place("node-1", "w1")


def test_a_worker_that_left_gets_no_jobs() -> None:
    control = admission(2)
    control.join(WorkerRoom("w1", "node-1", 4, 4, 1 << 30))
    control.leave("w1")
    control.leave("w1")
    assert control.admitted(launches(0), [], 0.0) == []
    assert dict(control.workers) == {}


def test_no_job_overtakes_another_that_waits_and_other_commands_are_carried_out() -> None:
    control = admission(3, cpus=3)
    control.join(WorkerRoom("w1", "node-1", 8, 4, 1 << 30))
    cancel = Cancel(CancelReason.DEADLINE, None)
    assert control.admitted([*launches(0, 1, 2), cancel], [], 0.0) == [*launches(0), cancel]


def test_what_the_machine_has_no_room_for_waits_too() -> None:
    of = plan(job("a", cpus=64), job("b", cpus=1))
    control = ClusterAdmission(of.jobs, AdmissionControl(of, lambda: MACHINE))
    control.join(WorkerRoom("w1", "node-1", 8, 999, 1 << 30))
    assert control.admitted(launches(0, 1), [], 0.0) == launches(0)
    assert control.look_again_at is not None
