"""`needs: "*"`: a handler needs every job of the run that is not a handler and does not wait for it."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.planning import good_plan, planned

from orchestrator.errors import UsageError
from orchestrator.plan.graph import levels
from orchestrator.plan.inputs import Selection
from orchestrator.plan.model import Plan
from orchestrator.plan.needs_of_all import with_needs_of_all

TEXT = """
    workflows:
      alert: {run: x, needs: "*", when: failure}
      build: {run: x}
      test: {run: x, needs: build, matrix: {py: [1, 2]}}
      clean: {run: x, manual: true}
      release: {run: x, needs: test, if: {env.RELEASE: true}}
      teardown: {run: x, needs: "*", when: always, after: alert}
      last: {run: x, needs: teardown}
"""


def needs(plan: Plan) -> dict[str, list[str]]:
    return {job.id: [plan.jobs[need].id for need in job.needs] for job in plan.jobs}


def test_a_handler_needs_the_jobs_of_the_run_but_no_handler_and_nothing_that_waits_for_it() -> None:
    plan = good_plan(TEXT)
    found = needs(plan)
    assert found["alert"] == ["build", "test[py=1]", "test[py=2]"], "`last` waits for `alert` through `teardown`"
    assert found["teardown"] == ["build", "test[py=1]", "test[py=2]"]
    assert [plan.jobs[other].id for job in plan.jobs for other in job.after] == ["alert"]
    assert dict(plan.left_out)["clean"].startswith("manual")


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        (Selection(jobs=("build",)), {"build": []}),
        (Selection(jobs=("alert",)), {"alert": []}),
        (Selection(jobs=("alert", "build")), {"alert": ["build"], "build": []}),
        (Selection(jobs=("alert", "clean")), {"alert": ["clean"], "clean": []}),
        (
            Selection(skip=("test[py=1]", "teardown", "last")),
            {"alert": ["build", "test[py=2]"], "build": [], "test[py=2]": ["build"]},
        ),
    ],
    ids=str,
)
def test_it_selects_nothing_but_covers_what_is_selected(selection: Selection, expected: dict[str, list[str]]) -> None:
    assert needs(good_plan(TEXT, selection=selection)) == expected


def test_what_needs_a_handler_that_is_skipped_waits_for_all_that_the_handler_would_have() -> None:
    found = needs(good_plan(TEXT, selection=Selection(skip=("teardown", "alert"))))
    assert found["last"] == ["build", "test[py=1]", "test[py=2]"]


def test_a_handler_alone_has_nothing_to_wait_for() -> None:
    assert needs(good_plan('workflows: {all: {needs: "*"}}')) == {"all": []}
    with pytest.raises(UsageError, match="no jobs are left"):
        good_plan('workflows: {all: {needs: "*"}}', selection=Selection(skip=("all",)))


def test_each_job_of_a_matrix_with_it_needs_all_others() -> None:
    found = needs(good_plan('workflows: {a: {run: x}, h: {run: x, needs: "*", matrix: {n: [1, 2]}}}'))
    assert found == {"a": [], "h[n=1]": ["a"], "h[n=2]": ["a"]}


def test_an_ordinary_cycle_through_a_handler_is_still_reported() -> None:
    text = 'workflows: {h: {run: x, needs: "*", after: a}, a: {run: x, needs: b}, b: {run: x, after: h}}'
    assert [found.code for found in planned(text).diagnostics] == ["PX201"]


def test_handlers_that_each_have_a_follower_make_no_cycle() -> None:
    found = needs(
        good_plan(
            """
            workflows:
              one: {run: x, needs: "*"}
              two: {run: x, needs: "*"}
              after-one: {run: x, needs: one}
              after-two: {run: x, after: two}
              job: {run: x}
            """
        )
    )
    assert found["one"] == ["after-two", "job"]
    assert found["two"] == ["job"], "`after-one` waits for it through `one` and `after-two`"


def test_the_digest_of_a_handler_covers_what_it_needs() -> None:
    text = 'workflows: {{h: {{run: x, needs: "*"}}, a: {{run: "{}"}}}}'
    first, same, other = (good_plan(text.format(run)).jobs[0].digest for run in ("a", "a", "b"))
    assert first == same != other


def test_too_many_edges_are_reported() -> None:
    text = "workflows:\n" + "".join(f"  a{n}: {{run: x, matrix: {{n: &n{n} {list(range(1000))}}}}}\n" for n in range(3))
    text += "".join(f'  h{n}: {{run: x, needs: "*", matrix: {{n: {list(range(700))}}}}}\n' for n in range(1))
    assert [found.code for found in planned(text).diagnostics] == ["PX230"]


@st.composite
def graphs_with_handlers(
    draw: st.DrawFn,
) -> tuple[list[tuple[int, ...]], list[tuple[int, ...]], list[list[int]], set[int]]:
    """A graph without cycles in any order of its jobs, some of them handlers, and the jobs that are kept."""
    count = draw(st.sampled_from((1, 3, 5, 6, 7, 8, 9)))
    order = draw(st.permutations(range(count)))
    needs: list[tuple[int, ...]] = [()] * count
    after: list[tuple[int, ...]] = [()] * count
    kinds = draw(
        st.lists(st.sampled_from(("job", "one", "job", "two", "job", "three")), min_size=count, max_size=count)
    )
    for place, job in enumerate(order):
        ties = draw(st.lists(st.sampled_from(("none", "none", "needs", "after")), min_size=place, max_size=place))
        after[job] = tuple(other for other, tie in zip(order, ties, strict=False) if tie == "after")
        if kinds[job] == "job":
            needs[job] = tuple(other for other, tie in zip(order, ties, strict=False) if tie == "needs")
    handlers = [[job for job in range(count) if kinds[job] == kind] for kind in ("one", "two", "three")]
    kept = set(range(count)) - draw(st.sets(st.integers(0, 8), max_size=2))
    return needs, after, [jobs for jobs in handlers if jobs], kept


@settings(max_examples=5 * settings().max_examples)
@given(graphs_with_handlers())
def test_there_never_is_a_cycle_and_nothing_is_missed(
    drawn: tuple[list[tuple[int, ...]], list[tuple[int, ...]], list[list[int]], set[int]],
) -> None:
    needs, after, handlers, kept = drawn
    filled = with_needs_of_all(needs, after, handlers, kept)
    waits = [row + tuple(other for other in after[job] if {job, other} <= kept) for job, row in enumerate(filled)]
    assert sum(map(len, levels(waits))) == len(needs), "it has levels, so it has no cycle"
    of_handlers = {job for jobs in handlers for job in jobs}
    for jobs in handlers:
        for job in jobs:
            assert set(filled[job]) <= kept - of_handlers
            for left_out in kept - of_handlers - set(filled[job]):
                more = [row + ((left_out,) if number in jobs else ()) for number, row in enumerate(waits)]
                with pytest.raises(ValueError, match="cycle"):
                    levels(more)
    assert all(filled[job] == needs[job] for job in range(len(needs)) if job not in of_handlers)
