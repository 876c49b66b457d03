"""The measured graphs have the shapes that their names say, for every tool."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks import formats, marks
from benchmarks.graphs import SHAPES, Graph, scattered, with_barriers
from benchmarks.process import environment, run
from benchmarks.tools import PEERS, PEXEC, Tool


@pytest.mark.parametrize("shape", [*SHAPES.values(), scattered])
@pytest.mark.parametrize("jobs", [1, 7, 100, 1000])
def test_a_graph_has_that_number_of_jobs_and_each_needs_earlier_ones(shape: Callable[[int], Graph], jobs: int) -> None:
    graph = shape(jobs)
    assert len(graph) == jobs
    assert all(0 <= need < job for job, needs in enumerate(graph) for need in needs)
    assert all(len(set(needs)) == len(needs) for needs in graph)


def test_with_barriers_each_job_needs_the_whole_level_before() -> None:
    graph: Graph = [[], [0], [1], [], [3, 0]]
    barred, order = with_barriers(graph)
    assert order == [0, 3, 1, 4, 2]
    assert barred == [[], [], [0, 1], [0, 1], [2, 3]]


def test_the_last_jobs_are_those_without_dependents() -> None:
    assert formats.last_jobs([[], [0], [0]]) == [1, 2]


@pytest.mark.parametrize("tool", [PEXEC, *PEERS], ids=lambda tool: tool.name)
def test_each_installed_tool_runs_the_graph(tool: Tool, tmp_path: Path) -> None:
    env = environment([Path(sys.executable).parent], tmp_path)
    if tool.installed_version(env) is None:
        pytest.skip(f"{tool.name} is not installed")
    graph = SHAPES["flat" if tool.only_flat else "diamonds"](11)
    tool.write(graph, marks.marked(["true"] * len(graph)), tmp_path)
    run(tool.run(2), tmp_path, env, 60)
    marks.check(graph, tmp_path, 2 if tool.keeps_limit else None)
