"""What is true of every graph and every manifest, tried on drawn ones; on small graphs against brute force."""

from __future__ import annotations

import graphlib
from collections import Counter
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.dags import Waits, all_cycles, dags, graphs, names
from support.planning import plan_of_workflows

from orchestrator.diagnostics.model import Diagnostic
from orchestrator.plan.cycles import cyclic_components
from orchestrator.plan.graph import levels, urgency
from orchestrator.plan.model import Plan
from orchestrator.plan.select import needs_through_skipped, with_needs

weights = st.lists(st.integers(0, 9).map(float), min_size=12, max_size=12)


@given(dags())
def test_every_job_is_just_above_the_highest_that_it_waits_for(waits: Waits) -> None:
    level_of = {job: depth for depth, level in enumerate(levels(waits)) for job in level}
    assert level_of == {job: 1 + max((level_of[need] for need in row), default=-1) for job, row in enumerate(waits)}


@given(graphs())
def test_a_graph_has_levels_exactly_if_it_has_no_cycle(waits: Waits) -> None:
    if next(all_cycles(waits), None) is None:
        assert sorted(job for level in levels(waits) for job in level) == list(range(len(waits)))
    else:
        with pytest.raises(graphlib.CycleError):
            levels(waits)


@given(dags())
def test_an_acyclic_graph_has_no_cyclic_component(waits: Waits) -> None:
    assert cyclic_components(waits) == ()


@given(graphs())
def test_every_cyclic_component_has_one_of_its_shortest_cycles(waits: Waits) -> None:
    cycles = list(all_cycles(waits))
    components = cyclic_components(waits)
    assert {job for component in components for job in component.jobs} == {job for cycle in cycles for job in cycle}
    assert sum(len(component.jobs) for component in components) == len({job for cycle in cycles for job in cycle})
    for component in components:
        inside = [cycle for cycle in cycles if cycle[0] in component.jobs]
        assert component.cycle in inside
        assert len(component.cycle) == min(map(len, inside))
        assert component.has_more == (len(inside) > 1)


@given(graphs())
def test_jobs_of_one_component_reach_each_other_and_those_of_two_do_not(waits: Waits) -> None:
    components = cyclic_components(waits)
    reach = {job: with_needs([job], waits) for job in range(len(waits))}
    for one in components:
        for other in components:
            mutual = all(b in reach[a] and a in reach[b] for a in one.jobs for b in other.jobs)
            assert mutual == (one is other)


@given(dags(max_jobs=8), weights)
def test_the_critical_path_is_a_chain_that_no_chain_outweighs(waits: Waits, weights: list[float]) -> None:
    weights = weights[: len(waits)]
    urgent = urgency(waits, levels(waits), weights)
    heaviest = max((sum(weights[job] for job in chain) for chain in chains(waits)), default=0.0)
    assert sum(weights[job] for job in urgent.path) == heaviest
    assert all(need in waits[job] for need, job in zip(urgent.path, urgent.path[1:], strict=False))


@given(dags(max_jobs=8), weights)
def test_a_rank_is_the_weight_of_the_heaviest_chain_from_the_job_on(waits: Waits, weights: list[float]) -> None:
    weights = weights[: len(waits)]
    heaviest = [0.0] * len(waits)
    for chain in chains(waits):
        heaviest[chain[0]] = max(heaviest[chain[0]], sum(weights[job] for job in chain))
    assert list(urgency(waits, levels(waits), weights).ranks) == heaviest


def chains(waits: Waits) -> Iterator[tuple[int, ...]]:
    """Every chain of jobs in which each waits for the one before it."""
    open_chains: list[tuple[int, ...]] = [(job,) for job in range(len(waits))]
    while open_chains:
        chain = open_chains.pop()
        yield chain
        open_chains += [(*chain, job) for job, row in enumerate(waits) if chain[-1] in row]


@given(dags(), st.data())
def test_taking_jobs_out_keeps_the_order_of_the_others_and_adds_none(waits: Waits, data: st.DataObject) -> None:
    kept = {job for job in range(len(waits)) if data.draw(st.booleans())}
    left = {job: needs_through_skipped(job, waits, kept) for job in kept}
    for job in kept:
        reached = set(left[job])
        for _ in waits:
            reached |= {need for found in reached for need in left[found]}
        assert reached == (with_needs([job], waits) - {job}) & kept


@st.composite
def manifests(draw: st.DrawFn) -> dict[str, dict[str, object]]:
    """Workflows by name, on any graph of needs and `after`; some need what there is not."""
    waits = draw(graphs(max_jobs=6).filter(bool))
    labels = [name for name, _ in zip(names(), waits, strict=False)]
    workflows: dict[str, dict[str, object]] = {}
    for label, row in zip(labels, waits, strict=True):
        cut = draw(st.integers(0, len(row)))
        needs = [labels[need] for need in row[:cut]] + draw(st.lists(st.sampled_from(["xx", "yy"]), max_size=1))
        after = [labels[other] for other in row[cut:]]
        workflows[label] = {
            "run": draw(st.sampled_from(["true", "false"])),
            "needs": needs,
            "after": after,
            "pools": draw(st.sampled_from([{}, {"gpu": 1}, {"gpu": 3}, {"disk": 1}])),
            "priority": draw(st.integers(0, 1)),
        }
    return workflows


@given(manifests())
def test_every_unknown_need_is_reported(workflows: Mapping[str, Mapping[str, object]]) -> None:
    told = plan_of_workflows(workflows, policy={"pools": {"gpu": 2}}).diagnostics
    unknown = sum(need not in workflows for workflow in workflows.values() for need in as_list(workflow["needs"]))
    assert sum(diagnostic.code == "PX202" for diagnostic in told) == unknown


@given(manifests())
def test_a_manifest_has_a_plan_exactly_if_nothing_is_wrong_with_it(
    workflows: Mapping[str, Mapping[str, object]],
) -> None:
    planned = plan_of_workflows(workflows, policy={"pools": {"gpu": 2}})
    labels = list(workflows)
    edges = [(*as_list(workflow["needs"]), *as_list(workflow["after"])) for workflow in workflows.values()]
    waits = tuple(tuple(labels.index(other) for other in row if other in labels) for row in edges)
    faulty = any(other not in labels for row in edges for other in row) or any(True for _ in all_cycles(waits))
    faulty = faulty or any(workflow["pools"] in ({"gpu": 3}, {"disk": 1}) for workflow in workflows.values())
    assert (planned.plan is None) == faulty


def as_list(value: object) -> list[str]:
    assert isinstance(value, list)
    return value


@given(manifests(), st.randoms(use_true_random=False))
def test_the_order_of_the_workflows_changes_neither_plan_nor_faults(
    workflows: Mapping[str, Mapping[str, object]], chance: object
) -> None:
    labels = list(workflows)
    chance.shuffle(labels)  # type: ignore[attr-defined]
    shuffled = {label: workflows[label] for label in labels}
    pools = {"pools": {"gpu": 2}}
    one, other = plan_of_workflows(workflows, policy=pools), plan_of_workflows(shuffled, policy=pools)
    assert essence(one.plan) == essence(other.plan)
    assert faults(one.diagnostics) == faults(other.diagnostics)


def essence(plan: Plan | None) -> object:
    """All of a plan but the order of its jobs."""
    if plan is None:
        return None
    ids = [job.id for job in plan.jobs]
    levels_by_id = [{ids[index] for index in level} for level in plan.levels]
    jobs = {job.id: (job.digest, job.level, job.rank, {ids[need] for need in job.needs}) for job in plan.jobs}
    return plan.digest, levels_by_id, jobs, len(plan.critical_path)


def faults(diagnostics: tuple[Diagnostic, ...]) -> Counter[tuple[str, object]]:
    """All faults but the order; of a cycle only its length, since among equally short ones the order decides."""
    return Counter(
        (diagnostic.code, len(diagnostic.notes) if diagnostic.code == "PX201" else diagnostic.message)
        for diagnostic in diagnostics
    )
