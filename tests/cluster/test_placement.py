"""Which worker gets a job."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cluster.placement import LOCAL, Demand, Placement, WorkerRoom, could_run

GIB = 1 << 30
DEMANDS = st.builds(
    Demand,
    st.sampled_from([0, 0.5, 1, 2, 4, 9]),
    st.sampled_from([0, GIB, 5 * GIB, 99 * GIB]),
    st.frozensets(st.sampled_from(["gpu", "big"]), max_size=2),
    confined=st.sampled_from([frozenset(), frozenset({"isolation"})]),
)
AT_HOME = st.builds(Demand, st.sampled_from([0, 1, 9]), st.sampled_from([0, GIB]), is_local=st.just(True))


@st.composite
def clusters(draw: st.DrawFn) -> list[WorkerRoom]:
    """pexec's own machine and some workers: those of one host have its CPUs and memory together, or each its own."""
    hosts = {f"host{number}": draw(st.tuples(st.integers(1, 8), st.integers(1, 16))) for number in range(3)}
    workers = [WorkerRoom(LOCAL, "host0", 2, hosts["host0"][0], hosts["host0"][1] * GIB)]
    for number, host in enumerate(draw(st.lists(st.sampled_from(sorted(hosts)), min_size=1, max_size=6))):
        labels = draw(st.frozensets(st.sampled_from(["gpu", "big"]), max_size=2))
        cpus, memory = hosts[host]
        slots = draw(st.integers(1, 4))
        confines = draw(st.sampled_from([frozenset({"isolation"}), frozenset()]))
        workers.append(WorkerRoom(f"w{number}", host, slots, cpus, memory * GIB, labels, draw(st.booleans()), confines))
    return workers


@dataclass
class Yard:
    """What the placement was told, counted in another way."""

    demands: Sequence[Demand]
    workers: Sequence[WorkerRoom]
    running: dict[int, WorkerRoom] = field(default_factory=dict)
    seen: dict[int, WorkerRoom] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.placement = Placement(lambda job: self.demands[job])
        for worker in self.workers:
            self.placement.join(worker)

    def fits(self, job: int, worker: WorkerRoom) -> bool:
        demand = self.demands[job]
        here = [other for other, where in self.running.items() if where == worker]
        if not could_run(demand, worker) or len(here) >= worker.slots:
            return False
        beside = [self.demands[other] for other, where in self.running.items() if where.share == worker.share]
        cpus, memory = sum(one.cpus for one in beside), sum(one.memory for one in beside)
        return not beside or (
            not (demand.cpus and cpus + demand.cpus > worker.cpus)
            and not (demand.memory and memory + demand.memory > worker.memory)
        )

    def place(self, waiting: Sequence[int], at_most: int = 1000) -> list[int]:
        for job in self.seen.keys() - self.running.keys():
            self.placement.ended(job)
        started = self.placement.place(waiting, at_most)
        for job in started:
            worker = self.placement.worker_of(job)
            assert worker is not None
            assert self.fits(job, worker)
            self.running[job] = worker
        self.seen = dict(self.running)
        return started


@given(clusters(), st.lists(st.one_of(DEMANDS, AT_HOME), min_size=1, max_size=14), st.data())
def test_no_worker_gets_more_than_it_has_and_every_job_that_one_could_run_is_started_in_time(
    workers: list[WorkerRoom], demands: list[Demand], data: st.DataObject
) -> None:
    yard = Yard(demands, workers)
    waiting = list(range(len(demands)))
    homeless = {job for job in waiting if not any(could_run(demands[job], worker) for worker in workers)}
    first, held_up_by = -1, -1
    while any(job not in homeless for job in waiting):
        before = next(job for job in waiting if job not in homeless)
        if before != first:
            first, held_up_by = before, len(yard.running)
        started = yard.place(waiting)
        waiting = [job for job in waiting if job not in started]
        assert set(yard.placement.homeless) <= homeless
        assert first in started or yard.running
        # What runs when a job becomes the first may have to end before it starts; what starts later never has to.
        assert first in started or held_up_by > 0
        if yard.running:
            ended = data.draw(st.sampled_from(sorted(yard.running)))
            reserved = yard.placement._reserved.get(first)
            if first not in started and reserved is not None:
                awaited = next(worker for worker in workers if worker.name == reserved)
                shared = [job for job, where in yard.running.items() if where.share == awaited.share]
                if demands[first].counts and shared:
                    ended = shared[0]
                held_up_by -= 1
            del yard.running[ended]


@given(clusters(), st.lists(st.one_of(DEMANDS, AT_HOME), max_size=14))
def test_a_job_waits_only_if_no_worker_has_room_for_it_or_another_waits_there(
    workers: list[WorkerRoom], demands: list[Demand]
) -> None:
    yard = Yard(demands, workers)
    started = yard.place(range(len(demands)))
    waiting = [job for job in range(len(demands)) if job not in started]
    for place, job in enumerate(waiting):
        for worker in workers:
            if not yard.fits(job, worker):
                continue
            earlier = [other for other in waiting[:place] if could_run(demands[other], worker)]
            shares = [one for one in workers if one.share == worker.share]
            assert earlier or any(could_run(demands[other], one) for other in waiting[:place] for one in shares)


@given(clusters(), st.lists(DEMANDS, max_size=14), st.integers(0, 5))
def test_no_more_start_than_may(workers: list[WorkerRoom], demands: list[Demand], at_most: int) -> None:
    assert len(Yard(demands, workers).place(range(len(demands)), at_most)) <= at_most


def worker(name: str, slots: int = 2, host: str = "host", labels: str = "", cpus: int = 8, **more: Any) -> WorkerRoom:
    return WorkerRoom(name, host, slots, cpus, 16 * GIB, frozenset(labels.split()), **more)


def placed(yard: Yard, jobs: Sequence[int]) -> dict[int, str]:
    return {job: yard.running[job].name for job in yard.place(jobs)}


def test_jobs_are_spread_and_the_first_of_several_equal_workers_is_taken() -> None:
    yard = Yard([Demand()] * 5, [worker("w1"), worker("w2")])
    assert placed(yard, range(5)) == {0: "w1", 1: "w2", 2: "w1", 3: "w2"}


def test_a_job_that_declares_more_than_its_host_has_runs_alone() -> None:
    yard = Yard([Demand(), Demand(64, 99 * GIB), Demand(1)], [worker("w1")])
    assert placed(yard, [0, 1]) == {0: "w1"}
    assert placed(yard, [1, 2]) == {}
    yard.running.clear()
    assert placed(yard, [1, 2]) == {1: "w1"}


def test_a_job_that_declares_more_than_any_worker_of_known_size_has_is_homeless() -> None:
    yard = Yard([Demand(64), Demand(8)], [worker("w1", is_sized=True)])
    assert placed(yard, [0, 1]) == {1: "w1"}
    assert yard.placement.homeless == [0]


def test_workers_of_known_size_on_one_host_have_their_cpus_each() -> None:
    yard = Yard([Demand(8)] * 3, [worker("w1", is_sized=True), worker("w2", is_sized=True)])
    assert placed(yard, range(3)) == {0: "w1", 1: "w2"}


def test_jobs_that_ask_for_labels_run_where_these_are_and_others_leave_them_that_place() -> None:
    needs_gpu = Demand(requires=frozenset({"gpu"}))
    yard = Yard([Demand(), Demand(), Demand(), needs_gpu, needs_gpu], [worker("g", labels="gpu"), worker("p")])
    assert placed(yard, range(4)) == {0: "p", 1: "p", 2: "g", 3: "g"}
    assert placed(yard, [4]) == {}
    assert yard.placement.homeless == []


def test_jobs_run_where_they_are_confined_if_they_must_and_if_they_prefer_it_while_there_is_room() -> None:
    isolated = frozenset({"isolation"})
    must, prefers = Demand(confined=isolated, prefers=isolated), Demand(prefers=isolated)
    workers = [worker("bare", 3), worker("able", 2, confines=isolated)]
    assert placed(Yard([prefers] * 3, workers), range(3)) == {0: "able", 1: "able", 2: "bare"}
    assert placed(Yard([must] * 3, workers), range(3)) == {0: "able", 1: "able"}
    assert placed(Yard([Demand()] * 3, workers), range(3)) == {0: "bare", 1: "bare", 2: "able"}


def test_jobs_for_other_workers_overtake_one_that_waits_for_a_label_and_nothing_takes_its_place() -> None:
    needs_gpu = Demand(requires=frozenset({"gpu"}))
    yard = Yard([needs_gpu, needs_gpu, Demand(), Demand()], [worker("g", 1, labels="gpu"), worker("p", 1)])
    assert placed(yard, [0, 1, 2, 3]) == {0: "g", 2: "p"}
    del yard.running[0]
    assert placed(yard, [1, 3]) == {1: "g"}


def test_a_job_that_waits_for_many_cpus_gets_them_though_small_ones_come_all_the_time() -> None:
    yard = Yard(
        [Demand(1)] * 4 + [Demand(4)] + [Demand(1)] * 4, [worker("a", 4, "a", cpus=4), worker("b", 4, "b", cpus=4)]
    )
    assert placed(yard, range(4)) == {0: "a", 1: "b", 2: "a", 3: "b"}
    assert placed(yard, [4, 5, 6, 7, 8]) == {5: "b", 6: "b"}
    del yard.running[0], yard.running[1]
    assert placed(yard, [4, 7, 8]) == {7: "b"}
    del yard.running[2]
    assert placed(yard, [4, 8]) == {4: "a"}


def test_a_job_goes_on_waiting_for_the_same_worker_when_less_runs_on_another() -> None:
    a, b = worker("a", 4, "a", cpus=4), worker("b", 4, "b", cpus=4)
    yard = Yard([Demand(1)] * 5 + [Demand(4)] + [Demand(1)] * 9, [a, b])
    assert placed(yard, range(5)) == {0: "a", 1: "b", 2: "a", 3: "b", 4: "a"}
    assert placed(yard, [5, 6]) == {6: "a"}  # it waits for b
    del yard.running[0], yard.running[2], yard.running[4]
    assert placed(yard, [5, 7]) == {7: "a"}
    del yard.running[1], yard.running[3]
    assert placed(yard, [5, 8]) == {5: "b", 8: "a"}


def test_what_stays_at_home_runs_there_only_and_counts_on_the_machine_that_it_shares() -> None:
    home = worker(LOCAL, 2, cpus=4)
    yard = Yard([Demand(2, is_local=True), Demand(3), Demand(2)], [home, worker("w1", 4, cpus=4)])
    assert placed(yard, [0, 1]) == {0: LOCAL}
    del yard.running[0]
    assert placed(yard, [1, 2]) == {1: "w1"}


def test_a_worker_that_has_left_gets_nothing_and_what_ran_there_counts_until_it_ends() -> None:
    yard = Yard([Demand(), Demand()], [worker("w1")])
    assert placed(yard, [0]) == {0: "w1"}
    yard.placement.leave("w1")
    yard.placement.leave("w1")
    assert placed(yard, [1]) == {}
    assert (yard.placement.homeless, yard.placement.attempts_on("w1")) == ([], 1)
    yard.running.clear()
    yard.placement.ended(0)
    assert (yard.placement.worker_of(0), yard.placement.attempts_on("w1")) == (None, 0)
