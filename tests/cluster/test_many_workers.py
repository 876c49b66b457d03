"""What a decision costs with many workers, many jobs that run and many that wait: operations are counted, not time."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

from support.worlds import job, plan

from orchestrator.cluster.cluster_admission import ClusterAdmission
from orchestrator.cluster.placement import Demand, Placement, WorkerRoom
from orchestrator.cluster.scaling import Scaling, workers_for
from orchestrator.engine.commands import Command, Launch
from orchestrator.execute.admission import AdmissionControl, Machine

GIB = 1 << 30
MACHINE = Machine(memory=1 << 40, cpus=64, available=1 << 40, load=0.0)


def calls(act: Callable[[], Any]) -> int:
    """The number of calls of functions, those of C too, in `act`."""
    count = 0

    def seen(frame: FrameType, event: str, argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    sys.setprofile(seen)
    try:
        act()
    finally:
        sys.setprofile(None)
    return count


def worker(number: int, slots: int, labels: str = "") -> WorkerRoom:
    return WorkerRoom(f"w{number}", f"h{number}", slots, slots, slots * GIB, frozenset(labels.split()), is_sized=True)


def placement(workers: int, demand: Demand, slots: int = 10) -> Placement:
    placed = Placement(lambda job: demand)
    for number in range(workers):
        placed.join(worker(number, slots))
    return placed


def test_placing_a_job_takes_as_many_operations_with_a_thousand_workers_as_with_ten() -> None:
    each = []
    for workers in (10, 1000):
        placed = placement(workers, Demand(1, GIB))
        jobs = range(10 * workers)
        each.append(calls(partial(placed.place, jobs, len(jobs))) / len(jobs))
        assert placed.under_way == 10 * workers
    assert each[1] < 2 * each[0]


def test_an_end_and_the_next_start_take_as_many_operations_on_a_thousand_full_workers_as_on_ten() -> None:
    counts = []
    for workers in (10, 1000):
        placed = placement(workers, Demand(1, GIB))
        placed.place(range(10 * workers), 10 * workers)

        def next_one(placed: Placement = placed, jobs: int = 10 * workers) -> None:
            placed.ended(3)
            assert placed.place(range(jobs, jobs + 50), 50) == [jobs]

        counts.append(calls(next_one))
    assert counts[1] == counts[0]


def test_jobs_that_each_wait_for_a_worker_take_operations_in_proportion_to_the_workers() -> None:
    counts = []
    for workers in (10, 1000):
        demands = [*[Demand(1)] * workers, *[Demand(10)] * 2 * workers]
        placed = Placement(demands.__getitem__)
        for number in range(workers):
            placed.join(worker(number, 10))
        placed.place(range(workers), workers)
        waiting = range(workers, 3 * workers)
        first = calls(partial(placed.place, waiting, len(waiting)))
        assert placed.under_way == workers
        assert not placed.has_room
        counts.append((first + calls(partial(placed.place, waiting, len(waiting)))) / workers)
    assert counts[1] < 2 * counts[0]


def test_how_many_workers_are_wanted_takes_operations_in_proportion_to_the_jobs_that_wait() -> None:
    new = worker(0, 50)
    each = []
    for jobs in (500, 10_000):
        waiting = [Demand(1, GIB), Demand(2)] * (jobs // 2)
        each.append(calls(partial(workers_for, waiting, new, 10_000)) / jobs)
    assert each[1] < 1.5 * each[0]


def control(jobs: int, slots: int, cpus: int = 1) -> ClusterAdmission:
    of = plan(*(job(f"j{number}", cpus=cpus) for number in range(jobs)))
    return ClusterAdmission(of.jobs, AdmissionControl(of, lambda: MACHINE), slots, 60.0, workers_share_machine=False)


def launches(count: int) -> list[Command]:
    return [Launch(number, 1) for number in range(count)]


def test_with_few_workers_there_few_jobs_are_looked_at_however_many_the_policy_lets_run() -> None:
    few = control(100, slots=100_000)
    assert few.beyond == 1 - 100_000  # one job, to know that there is one
    few.join(worker(0, 8))
    assert few.beyond == 9 - 100_000
    started = few.admitted(launches(9), [], 0.0)
    assert len(started) == 8
    assert few.beyond == 1 - (100_000 - 8)
    few.ended(2)
    assert few.beyond == 2 - (100_000 - 7)


def test_scaling_sees_twice_as_many_jobs_each_time_until_it_wants_no_more_workers() -> None:
    many = control(10, slots=100_000)
    many.scaling = Scaling(0, 200, 60.0, WorkerRoom("", "", 500, 0, 0))
    asked: list[int] = []
    many.scale = asked.append
    looks = 0
    while True:
        seen = 100_000 + many.beyond
        looks += 1
        many.look_again_at = None
        many._jobs = [many._jobs[0]] * seen  # as many wait
        assert many.admitted(launches(seen), [], 0.0) == []
        if many.look_again_at != 0.0:
            break
    assert asked[-1] == 200
    assert asked[0] == 2
    assert looks < 10
    assert many.beyond == 1 - 100_000  # nothing to choose any more, until a worker joins


def test_an_end_takes_as_many_operations_with_ten_thousand_jobs_under_way_as_with_a_hundred() -> None:
    counts = []
    for jobs in (100, 10_000):
        busy = control(jobs + 1, slots=jobs)
        for number in range(jobs // 10):
            busy.join(worker(number, 10))
        busy.admitted(launches(jobs), [], 0.0)
        running = dict.fromkeys(range(jobs))
        del running[5]

        def next_one(busy: ClusterAdmission = busy, running: dict[int, None] = running, job: int = jobs) -> None:
            busy.ended(5)
            assert busy.admitted([Launch(job, 1)], running, 1.0) == [Launch(job, 1)]

        counts.append(calls(next_one))
    assert counts[1] == counts[0]


def test_where_cpus_are_short_and_slots_are_not_as_many_jobs_are_looked_at_as_reserve_a_worker() -> None:
    busy = control(300, slots=100_000, cpus=4)
    for number in range(10):
        busy.join(worker(number, 10))
    assert len(busy.admitted(launches(101), [], 0.0)) == 20
    assert busy.beyond == 10 + 1 - (100_000 - 20)  # ten wait for a worker each
