"""What jobs declare, and which outputs upstream concern one job."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.worlds import job, plan

from orchestrator.cache.model import PathInput
from orchestrator.execute.reuse.declared import Upstream, needs_of, path_inputs, place_of
from orchestrator.plan.flow_model import Input, OutputFiles
from orchestrator.plan.model import JobSpec


def made(*paths: str) -> dict[str, object]:
    return {"output_files": (OutputFiles(paths),)}


DRAWN = plan(
    job("a", spec=made("gen/", "x/*.h")),
    job("b", needs="a", spec=made("gen.txt")),
    job("c", spec=made("gen/other")),
    job("d", needs="b"),
)


@pytest.mark.parametrize(
    ("inputs", "found"),
    [
        (["gen/a.c"], ["gen/"]),
        (["gen"], ["gen/"]),
        (["**/*.c"], ["gen.txt", "gen/", "x/*.h"]),
        (["x/y/z.c"], ["x/*.h"]),
        (["src/"], []),
        (["../lib/"], ["gen.txt", "gen/", "x/*.h"]),
        (["gen.txt", "genuine"], ["gen.txt"]),
    ],
)
def test_outputs_upstream_are_found_by_their_places_at_any_distance(inputs: list[str], found: list[str]) -> None:
    assert sorted(Upstream(DRAWN.jobs).outputs(3, [PathInput(path) for path in inputs])) == found


def test_the_outputs_of_a_job_that_is_not_upstream_do_not_count() -> None:
    assert Upstream(DRAWN.jobs).outputs(0, [PathInput("gen/")]) == []


@given(st.text("ab/*.", max_size=8))
def test_a_place_is_a_prefix_of_directories(path: str) -> None:
    place = place_of(path)
    assert place == "" or place.endswith("/")
    assert not set("*?[") & set(place)


def test_the_needs_of_a_group_take_its_place() -> None:
    drawn = plan(
        job("a"), job("b"), job("g", needs="a b", group=True), job("h", needs="g", group=True), job("c", needs="h b")
    )
    assert needs_of(drawn.jobs, 4) == [0, 1]


def test_only_paths_are_listed() -> None:
    spec = JobSpec(run="x", inputs=(Input("a", ignore=False), Input(env="B"), Input(command=("c",))))
    assert path_inputs(spec) == [PathInput("a", ignore=False)]
