"""Graphs and plans to draw and to build: what waits for what, with and without cycles."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from dataclasses import replace

from hypothesis import strategies as st

from orchestrator.plan.graph import levels, urgency
from orchestrator.plan.model import JobSpec, Plan, PlannedJob, Policy

Waits = tuple[tuple[int, ...], ...]


@st.composite
def graphs(draw: st.DrawFn, max_jobs: int = 7) -> Waits:
    """Any directed graph, self-loops included."""
    count = draw(st.integers(0, max_jobs))
    node = st.integers(0, max(count - 1, 0))
    return tuple(tuple(draw(st.lists(node, max_size=3, unique=True))) for _ in range(count))


@st.composite
def dags(draw: st.DrawFn, max_jobs: int = 12) -> Waits:
    """A graph without cycles; what a job waits for may be declared behind it."""
    count = draw(st.integers(0, max_jobs))
    place = draw(st.permutations(range(count)))
    waits: list[tuple[int, ...]] = [()] * count
    for turn in range(1, count):
        below = draw(st.lists(st.integers(0, turn - 1), max_size=3, unique=True))
        waits[place[turn]] = tuple(place[at] for at in below)
    return tuple(waits)


def big_dag(jobs: int, *, reach: int = 1000, seed: int = 1) -> Waits:
    """`jobs` jobs with two or three needs each among the `reach` before it; the same for the same arguments."""
    chance = random.Random(seed)
    return tuple(
        tuple(chance.sample(range(max(0, job - reach), job), min(job, chance.choice((2, 3))))) for job in range(jobs)
    )


def all_cycles(waits: Waits) -> Iterator[tuple[int, ...]]:
    """Every simple cycle, from its smallest job on, by trying all ways. For small graphs."""
    for first in range(len(waits)):
        trails = [(first,)]
        while trails:
            trail = trails.pop()
            for need in waits[trail[-1]]:
                if need == first:
                    yield trail
                elif need > first and need not in trail:
                    trails.append((*trail, need))


def plan_of(waits: Sequence[Sequence[int]], *, policy: Policy | None = None, **job: object) -> Plan:
    """A plan of jobs `a`, `b`, ... with these needs; each runs `true`. `job` sets fields of every job."""
    ordered = levels(waits)
    level_of = {number: at for at, level in enumerate(ordered) for number in level}
    urgent = urgency(waits, ordered)
    plain = (
        PlannedJob(index, name, name, JobSpec(run="true"), tuple(needs), level=level_of[index], rank=rank)
        for index, (name, needs, rank) in enumerate(zip(names(), waits, urgent.ranks, strict=False))
    )
    jobs = tuple(replace(one, **job) for one in plain)  # type: ignore[arg-type]
    return Plan("drawn", "pexec.yaml", "/", policy or Policy(), jobs, ordered, urgent.path)


def names() -> Iterator[str]:
    """`a` to `z`, `aa`, `ab`, and so on for ever."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    for length in itertools.count(1):
        yield from map("".join, itertools.product(letters, repeat=length))
