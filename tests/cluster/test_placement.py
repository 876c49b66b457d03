"""Which worker gets a job."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from orchestrator.cluster.placement import Demand, WorkerRoom, choose_worker

GIB = 1 << 30
DEMANDS = st.builds(Demand, st.sampled_from([0, 0.5, 1, 2, 4, 9]), st.sampled_from([0, GIB, 5 * GIB, 99 * GIB]))


@st.composite
def clusters(draw: st.DrawFn) -> list[WorkerRoom]:
    """Some workers on some hosts, each of which has the same CPUs and memory for all of its workers."""
    hosts = {f"host{number}": draw(st.tuples(st.integers(1, 8), st.integers(1, 16))) for number in range(3)}
    names = draw(st.lists(st.sampled_from(sorted(hosts)), max_size=6))
    return [
        WorkerRoom(f"w{number}", host, draw(st.integers(1, 4)), hosts[host][0], hosts[host][1] * GIB)
        for number, host in enumerate(names)
    ]


def fits(worker: WorkerRoom, demand: Demand, workers: Sequence[WorkerRoom], running: dict[str, list[Demand]]) -> bool:
    """The rule, said in another way: a free slot, and what is declared on the host fits, or is alone there."""
    beside = [one for other in workers if other.host == worker.host for one in running.get(other.name, [])]
    if len(running.get(worker.name, [])) >= worker.slots:
        return False
    if not beside:
        return True
    cpus, memory = sum(one.cpus for one in beside), sum(one.memory for one in beside)
    return not (demand.cpus and cpus + demand.cpus > worker.cpus) and not (
        demand.memory and memory + demand.memory > worker.memory
    )


@given(clusters(), st.lists(DEMANDS, max_size=12))
def test_jobs_go_where_there_is_room_and_wait_only_where_there_is_none(
    workers: list[WorkerRoom], demands: list[Demand]
) -> None:
    running: dict[str, list[Demand]] = {}
    for demand in demands:
        candidates = [one for one in workers if fits(one, demand, workers, running)]
        name = choose_worker(demand, workers, running)
        if name is None:
            assert candidates == []
            continue
        chosen = next(one for one in candidates if one.name == name)
        free = {one.name: one.slots - len(running.get(one.name, [])) for one in candidates}
        assert free[chosen.name] == max(free.values())
        running.setdefault(name, []).append(demand)
    assert all(len(running.get(one.name, [])) <= one.slots for one in workers)


def test_jobs_are_spread_and_the_first_of_several_equal_workers_is_taken() -> None:
    workers = [WorkerRoom(name, "host", 2, 8, GIB) for name in ("w1", "w2")]
    running: dict[str, list[Demand]] = {}
    chosen = []
    for _ in range(5):
        name = choose_worker(Demand(), workers, running)
        chosen.append(name)
        if name is not None:
            running.setdefault(name, []).append(Demand())
    assert chosen == ["w1", "w2", "w1", "w2", None]


def test_a_job_that_declares_more_than_any_host_has_runs_alone() -> None:
    workers = [WorkerRoom("w1", "host", 2, 2, GIB)]
    huge = Demand(64, 99 * GIB)
    assert choose_worker(huge, workers, {"w1": [Demand()]}) is None
    assert choose_worker(huge, workers, {}) == "w1"
    assert choose_worker(Demand(1), workers, {"w1": [huge]}) is None
