"""Graphs and plans to draw and to build: what waits for what, with and without cycles."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Sequence
from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from orchestrator.plan.graph import levels, urgency
from orchestrator.plan.model import (
    DEFAULT_SHELL,
    Isolation,
    JobSpec,
    Limits,
    Order,
    Plan,
    PlannedJob,
    Policy,
    RetryPolicy,
    ShellBlock,
    When,
)
from orchestrator.plan.policy_parts import AdmissionPolicy, CiPolicy

Waits = tuple[tuple[int, ...], ...]

_TEXT = st.text(max_size=5)
_WORDS = st.lists(_TEXT, max_size=3).map(tuple)
_SOME_WORDS = st.lists(_TEXT, min_size=1, max_size=3).map(tuple)
_COUNTS = st.integers(0, 9)
_AMOUNTS = st.floats(0, 1e9) | st.integers(0, 900).map(float)
_LIMITS = st.none() | st.floats(0, 1e9, exclude_min=True) | st.just(300.0)
_POOLS = st.dictionaries(_TEXT, st.integers(1, 9), max_size=2)
_COMMANDS: st.SearchStrategy[dict[str, Any]] = st.one_of(
    st.just({}),
    st.fixed_dictionaries({"run": _TEXT}),
    st.fixed_dictionaries({"argv": _SOME_WORDS}),
    st.fixed_dictionaries({"file": _TEXT, "args": _WORDS, "file_executable": st.booleans()}),
    st.fixed_dictionaries(
        {"file": _TEXT, "blocks": st.lists(st.builds(ShellBlock, st.integers(1, 9), _TEXT), min_size=1).map(tuple)}
    ),
)
_JOB_LIMITS = st.just(Limits()) | st.builds(
    Limits,
    *(st.none() | number for number in (st.integers(1), st.integers(1, 99).map(float), *[st.integers(1)] * 3)),
    st.none() | st.integers(0),
    st.none() | st.integers(1),
)
_VALUES = st.dictionaries(_TEXT, _TEXT | _COUNTS | st.booleans() | st.floats(-9, 9), max_size=2)
_SPECS = st.builds(
    lambda command, rest: JobSpec(**command, **rest),
    _COMMANDS,
    st.fixed_dictionaries(
        {
            "shell": _SOME_WORDS | st.just(DEFAULT_SHELL),
            "env": st.dictionaries(_TEXT, _TEXT, max_size=2),
            "env_inherit": st.sampled_from(["all", "minimal"]) | _WORDS,
            "working_dir": _TEXT,
            "late": st.integers(0, 2),
            "timeout": _LIMITS,
            "grace": _AMOUNTS | st.just(10.0),
            "limits": _JOB_LIMITS,
            "require_limits": st.booleans(),
            "isolation": st.sampled_from(Isolation),
            "network": st.booleans(),
            "writes": _WORDS,
            "require_isolation": st.booleans(),
            "cleanup": st.none() | _TEXT,
            "cleanup_timeout": _AMOUNTS | st.just(30.0),
        }
    ),
)
_RETRIES = st.just(RetryPolicy()) | st.builds(
    RetryPolicy,
    st.integers(1, 9),
    _AMOUNTS,
    _AMOUNTS,
    _AMOUNTS,
    _AMOUNTS,
    st.booleans(),
    st.booleans(),
    st.lists(st.integers(1, 255), max_size=3).map(tuple),
)
_POLICIES = st.builds(
    Policy,
    st.integers(1, 9),
    st.sampled_from([False, "drain", True]),
    _LIMITS,
    st.sampled_from(Order),
    _POOLS,
    _LIMITS,
    admission=st.builds(AdmissionPolicy, _COUNTS, _LIMITS),
    ci=st.builds(CiPolicy, st.booleans()),
)


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
        trails: list[tuple[int, ...]] = [(first,)]
        while trails:
            trail = trails.pop()
            for need in waits[trail[-1]]:
                if need == first:
                    yield trail
                elif need > first and need not in trail:
                    trails.append((*trail, need))


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Any plan at all: what is in it need not make sense, but every field is used."""
    waits = draw(dags(max_jobs=6))
    ids = draw(st.lists(st.text(min_size=1), min_size=len(waits), max_size=len(waits), unique=True))
    jobs = tuple(
        PlannedJob(
            index=index,
            id=ids[index],
            workflow=draw(_TEXT),
            spec=draw(_SPECS),
            needs=row[:2],
            after=row[2:],
            when=draw(st.sampled_from(When)),
            level=draw(_COUNTS),
            rank=draw(_AMOUNTS),
            priority=draw(st.integers(-5, 5)),
            memory=draw(_COUNTS),
            cpus=draw(_AMOUNTS),
            pools=tuple(draw(_POOLS).items()),
            allow_failure=draw(st.booleans()),
            retry=draw(_RETRIES),
            tags=draw(_WORDS),
            description=draw(_TEXT),
            matrix=draw(_VALUES),
            matrix_fail_fast=draw(st.booleans()),
            digest=draw(_TEXT),
        )
        for index, row in enumerate(waits)
    )
    ordered = levels(waits)
    return Plan(
        name=draw(_TEXT),
        manifest=draw(_TEXT),
        base_dir=draw(_TEXT),
        policy=draw(_POLICIES),
        jobs=jobs,
        levels=ordered,
        critical_path=urgency(waits, ordered).path,
        left_out=tuple(draw(st.lists(st.tuples(_TEXT, _TEXT), max_size=2))),
        params=draw(_VALUES),
        description=draw(_TEXT),
        digest=draw(_TEXT),
    )


def plan_of(waits: Sequence[Sequence[int]], *, policy: Policy | None = None, **job: object) -> Plan:
    """A plan of jobs `a`, `b`, ... with these needs; each runs `true`. `job` sets fields of every job."""
    ordered = levels(waits)
    level_of = {number: at for at, level in enumerate(ordered) for number in level}
    urgent = urgency(waits, ordered)
    plain = (
        PlannedJob(
            index=index,
            id=name,
            workflow=name,
            spec=JobSpec(run="true"),
            needs=tuple(needs),
            level=level_of[index],
            rank=rank,
        )
        for index, (name, needs, rank) in enumerate(zip(names(), waits, urgent.ranks, strict=False))
    )
    jobs = tuple(replace(one, **job) for one in plain)
    return Plan("drawn", "pexec.yaml", "/", policy or Policy(), jobs, ordered, urgent.path)


def names() -> Iterator[str]:
    """`a` to `z`, `aa`, `ab`, and so on for ever."""
    letters = "abcdefghijklmnopqrstuvwxyz"
    for length in itertools.count(1):
        yield from map("".join, itertools.product(letters, repeat=length))
