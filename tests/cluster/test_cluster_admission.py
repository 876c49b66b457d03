"""Jobs start while a worker has room, in order, and each where a worker was chosen for it."""

from __future__ import annotations

from typing import Any

import pytest
from support.worlds import Draft, job, plan

from orchestrator.cluster.cluster_admission import ClusterAdmission
from orchestrator.cluster.placement import LOCAL, WorkerRoom
from orchestrator.cluster.scaling import Scaling
from orchestrator.engine.commands import Cancel, Command, Launch
from orchestrator.engine.states import CancelReason
from orchestrator.errors import EnvironmentFailedError
from orchestrator.execute.admission import AdmissionControl, Machine
from orchestrator.execute.attempt.spec import Place

MACHINE = Machine(memory=1 << 40, cpus=64, available=1 << 40, load=0.0)


def admission(jobs: int, **more: Any) -> ClusterAdmission:
    return admission_of(*(job(f"j{number}", **more) for number in range(jobs)))


def admission_of(*drafts: Draft, slots: int = 100, share_machine: bool = True) -> ClusterAdmission:
    of = plan(*drafts)
    machine = AdmissionControl(of, lambda: MACHINE)
    return ClusterAdmission(of.jobs, machine, slots, 60.0, workers_share_machine=share_machine)


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
    control.ended(1)
    assert control.admitted(launches(3), [0, 2], 2.0) == launches(3)
    assert control.place_of(3) == Place("node-1", "w1")


def test_a_worker_that_left_gets_no_jobs() -> None:
    control = admission(2)
    control.join(WorkerRoom("w1", "node-1", 4, 4, 1 << 30))
    control.leave("w1")
    control.leave("w1")
    assert control.admitted(launches(0), [], 0.0) == []
    assert dict(control.workers) == {}


def test_no_job_overtakes_another_that_waits_for_the_same_and_other_commands_are_carried_out() -> None:
    control = admission(3, cpus=3)
    control.join(WorkerRoom("w1", "node-1", 8, 4, 1 << 30))
    cancel = Cancel(CancelReason.DEADLINE, None)
    assert control.admitted([*launches(0, 1, 2), cancel], [], 0.0) == [*launches(0), cancel]


def test_what_the_machine_has_no_room_for_waits_too() -> None:
    control = admission_of(job("a", cpus=64), job("b", cpus=1))
    control.join(WorkerRoom("w1", "node-1", 8, 999, 1 << 30))
    assert control.admitted(launches(0, 1), [], 0.0) == launches(0)
    assert control.look_again_at is not None


def test_workers_of_other_hosts_do_not_wait_for_this_machine() -> None:
    control = admission_of(job("a", cpus=64), job("b", cpus=64), job("c", where="local", cpus=64), share_machine=False)
    control.join(WorkerRoom("w1", "node-1", 8, 128, 1 << 30))
    control.join(WorkerRoom(LOCAL, "here", 8, 64, 1 << 30))
    assert control.admitted(launches(0, 1, 2), [], 0.0) == launches(0, 1, 2)
    assert (control.place_of(0), control.place_of(2)) == (Place("node-1", "w1"), Place("here", None))


def test_jobs_that_wait_for_one_worker_do_not_hide_those_behind_them_that_another_could_run() -> None:
    gpu = [job(f"g{number}", requires=("gpu",)) for number in range(5)]
    control = admission_of(*gpu, job("p"), job("q"), slots=3)
    control.join(WorkerRoom("w1", "node-1", 1, 4, 1 << 30, frozenset({"gpu"})))
    control.join(WorkerRoom("w2", "node-2", 2, 4, 1 << 30))
    assert control.beyond == 1
    assert control.admitted(launches(0, 1, 2, 3), [], 0.0) == launches(0)
    assert (control.beyond, control.look_again_at) == (7, 0.0)
    assert control.admitted(launches(1, 2, 3, 4, 5, 6), [0], 0.0) == launches(5, 6)
    assert control.look_again_at is None


def test_at_most_as_many_jobs_run_as_the_policy_allows() -> None:
    control = admission_of(job("a"), job("b"), job("c"), slots=2)
    control.join(WorkerRoom("w1", "node-1", 8, 4, 1 << 30))
    assert control.admitted(launches(0, 1, 2), [], 0.0) == launches(0, 1)
    assert control.admitted(launches(2), [0, 1], 0.0) == []


def test_a_run_that_has_no_worker_for_a_minute_is_given_up() -> None:
    control = admission(2)
    assert control.admitted(launches(0), [], 5.0) == []
    assert control.look_again_at == 65.0
    assert control.admitted(launches(0), [], 64.9) == []
    with pytest.raises(EnvironmentFailedError, match="there has been no worker for 1m") as caught:
        control.admitted(launches(0), [], 65.0)
    assert caught.value.code == "PX311"


def test_a_job_that_no_worker_can_run_ends_the_run_when_nothing_else_runs_any_more() -> None:
    control = admission_of(job("train", requires=("gpu",)), job("b"))
    control.join(WorkerRoom("w1", "node-1", 8, 4, 1 << 30))
    assert control.admitted(launches(0, 1), [], 0.0) == launches(1)
    assert control.admitted(launches(0), [1], 100.0) == []
    assert control.look_again_at is None
    assert control.admitted(launches(0), [], 200.0) == []
    with pytest.raises(EnvironmentFailedError, match="`train` has waited 1m for a worker: it requires `gpu`") as caught:
        control.admitted(launches(0), [], 260.0)
    assert caught.value.code == "PX316"


def test_time_without_a_worker_begins_anew_after_a_job_has_run() -> None:
    control = admission(2)
    control.admitted(launches(0), [], 0.0)
    control.join(WorkerRoom("w1", "node-1", 8, 4, 1 << 30))
    assert control.admitted(launches(0), [], 59.0) == launches(0)
    control.leave("w1")
    assert control.admitted(launches(1), [], 61.0) == []
    assert control.look_again_at == 121.0


def scaled(control: ClusterAdmission, slots: int = 2, most: int = 3) -> list[object]:
    """What the control asks of a cluster: a number of workers, or the name of one to end."""
    asked: list[object] = []
    control.scaling = Scaling(0, most, 60.0, WorkerRoom("", "", slots, 0, 0))
    control.scale, control.retire = asked.append, asked.append
    return asked


def test_workers_are_asked_for_when_jobs_wait_and_ended_when_there_were_none_for_a_while() -> None:
    control = admission(5)
    asked = scaled(control)
    assert control.admitted(launches(0, 1, 2), [], 0.0) == []
    assert asked == [2]
    for name in ("w1", "w2"):
        control.join(WorkerRoom(name, "node-1", 2, 4, 1 << 30))
    assert control.admitted(launches(0, 1, 2), [], 1.0) == launches(0, 1, 2)
    assert control.admitted(launches(3, 4), [0, 1, 2], 2.0) == launches(3)
    assert asked == [2, 3]
    control.ended(1)
    control.ended(3)
    assert control.admitted([], [0, 2], 10.0) == []
    assert control.look_again_at == 70.0
    control.admitted([], [0, 2], 70.0)
    assert asked == [2, 3, "w2"]
    control.join(WorkerRoom("w2", "node-1", 2, 4, 1 << 30))  # it answers again, before it ends
    assert list(control.workers) == ["w1"]


def test_jobs_that_wait_for_the_machine_or_beyond_the_policy_ask_for_no_workers() -> None:
    control = admission_of(job("a", cpus=40), job("b", cpus=40), job("c"), slots=2)
    asked = scaled(control)
    control.join(WorkerRoom("w1", "node-1", 2, 64, 1 << 30))
    assert control.admitted(launches(0, 1), [], 0.0) == launches(0)
    control = admission_of(job("a"), job("b"), job("c"), slots=2)
    asked += scaled(control)
    control.join(WorkerRoom("w1", "node-1", 2, 64, 1 << 30))
    control.admitted(launches(0, 1, 2), [], 0.0)
    assert asked == []
