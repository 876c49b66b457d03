"""Placeholders become jobs once their needs have ended: small worlds, each of whose steps the laws judge."""

from __future__ import annotations

import json
from typing import Any

from support.worlds import World, job, plan

from orchestrator.engine.facts import MatrixExpanded
from orchestrator.engine.replay import replay
from orchestrator.engine.states import Verdict
from orchestrator.plan.condition_model import RunCondition
from orchestrator.plan.flow_model import OutputSpec
from orchestrator.plan.grown_plan import grown
from orchestrator.plan.model import When
from orchestrator.plan.run_matrix import CellChoice, RunAxis, RunMatrix

SOURCE = job("source", spec={"outputs": {"list": OutputSpec("json")}})
GROWN = job(
    "grown[s=*]",
    workflow="grown",
    needs="source",
    run_matrix=RunMatrix((RunAxis("s", workflow="source", output="list"),)),
)


def like(name: str, of: str, needs: str, *choices: CellChoice, only: tuple[str, ...] = (), **rest: Any) -> object:
    matrix = RunMatrix(like=of, only=only)
    return job(f"{name}[s=*]", workflow=name, needs=needs, run_matrix=matrix, chosen_cells=choices, **rest)


CHAIN = CellChoice("grown", references={"s": "s"})


def started(*drafts: object, values: object = ("a", "b"), **policy: object) -> World:
    """A run whose source has written an array."""
    world = World.started(SOURCE, *drafts, **policy)  # type: ignore[arg-type]
    world.end("source", outputs={"list": json.dumps(values)})
    return world


def checked(world: World) -> World:
    again = replay(world.plan, world.facts)
    assert again.snapshot() == world.scheduler.snapshot(), "replay equals live"
    return world


def test_cells_take_the_place_of_a_placeholder_and_what_needs_it_waits_for_all_of_them() -> None:
    world = started(GROWN, job("all", needs="grown[s=*]"), job("late", after="grown[s=*]"))
    assert world.running == ["grown[s=a]", "grown[s=b]"]
    world.end("grown[s=a]")
    assert world.states["all"] == world.states["late"] == "pending"
    world.end("grown[s=b]")
    assert world.running == ["all", "late"]
    assert world.states["grown[s=*]"] == "expanded"
    assert [one.job for one in world.followed if isinstance(one, MatrixExpanded)] == [1]
    checked(world)


def test_each_cell_of_a_matrix_that_is_like_another_waits_for_its_counterpart_alone() -> None:
    world = started(GROWN, like("pack", "grown", "grown[s=*]", CHAIN), like("send", "grown", "pack[s=*]"))
    world.end("grown[s=b]", Verdict.FAILED)
    assert world.states["pack[s=b]"] == "skipped"
    assert world.reasons["pack[s=b]"] == "need `grown[s=b]` failed"
    world.end("grown[s=a]")
    assert world.running == ["pack[s=a]"]
    world.end("pack[s=a]")
    assert world.states["send[s=a]"] == "skipped"  # it needs all of `pack`
    assert world.reasons["send[s=a]"] == "need `pack[s=b]` was skipped because `grown[s=b]` failed"
    checked(world)


def test_a_job_that_chooses_a_cell_waits_for_it_alone_and_fails_if_it_does_not_come() -> None:
    choose = [
        job(name, needs="grown[s=*]", chosen_cells=(CellChoice("grown", {"s": name}),)) for name in ("a", "b", "z")
    ]
    world = started(GROWN, *choose, job("after", needs="z"))
    world.end("grown[s=b]")
    assert world.running == ["grown[s=a]", "b"]
    world.end("grown[s=a]")
    assert world.states["z"] == "failed"
    assert world.reasons["z"] == "`grown` has no job with s=z"
    assert world.states["after"] == "skipped"
    checked(world)


def test_an_empty_array_ends_a_placeholder_and_what_is_like_it() -> None:
    world = started(
        GROWN,
        like("pack", "grown", "grown[s=*]", CHAIN),
        job("all", needs="pack[s=*]"),
        job("one", needs="grown[s=*]", chosen_cells=(CellChoice("grown", {"s": "a"}), CellChoice("grown", {"s": "b"}))),
        values=(),
    )
    assert world.running == ["all"]
    assert world.reasons["grown[s=*]"] == "its matrix is empty"
    assert world.reasons["one"] == "`grown` has no job with s=a or s=b"
    checked(world)


def test_a_wrong_value_fails_the_placeholder() -> None:
    world = started(GROWN, job("all", needs="grown[s=*]"), values={"a": 1})
    assert world.states == {"source": "succeeded", "grown[s=*]": "failed", "all": "skipped"}
    assert world.reasons["grown[s=*]"] == "`needs.source.outputs.list` is not a JSON array"


def test_a_placeholder_that_is_cancelled_has_no_cells_and_one_that_is_like_another_cancels_its_own() -> None:
    world = World.started(SOURCE, GROWN, like("pack", "grown", "grown[s=*]", CHAIN))  # type: ignore[arg-type]
    world.cancel("pack[s=*]")
    world.end("source", outputs={"list": '["a"]'})
    world.cancel("pack[s=*]")
    world.end("grown[s=a]")
    assert world.states["pack[s=a]"] == "cancelled"
    world = World.started(SOURCE, GROWN)
    world.cancel("grown[s=*]")
    world.end("source", outputs={"list": '["a"]'})
    assert world.states["grown[s=*]"] == "cancelled"
    checked(world)


def test_the_first_failure_of_a_growing_matrix_that_fails_fast_cancels_its_other_cells() -> None:
    fast = job(GROWN.name, needs="source", matrix_fail_fast=True, **GROWN.rest)
    world = started(fast, values=("a", "b", "c"), max_parallel_jobs=2)
    world.end("grown[s=a]", Verdict.FAILED)
    world.end("grown[s=b]", Verdict.KILLED)
    assert world.states["grown[s=b]"] == world.states["grown[s=c]"] == "cancelled"
    checked(world)


def test_cells_start_in_the_place_of_their_placeholder_and_within_its_pool() -> None:
    pooled = job(GROWN.name, needs="source", pools=(("p", 1),), rank=2.0, **GROWN.rest)
    others = [job(name, needs="source", rank=rank) for name, rank in (("low", 1.0), ("high", 3.0))]
    world = started(pooled, *others, values=("a", "b"), max_parallel_jobs=2, pools={"p": 1})
    assert world.running == ["high", "grown[s=a]"]
    world.end("high")
    assert world.running == ["grown[s=a]", "low"]
    checked(world)


def test_a_resume_keeps_the_cells_and_runs_those_that_did_not_succeed() -> None:
    world = started(GROWN, job("all", needs="grown[s=*]"))
    world.end("grown[s=a]")
    world.end("grown[s=b]", Verdict.FAILED)
    assert world.states["all"] == "skipped"
    world.crash()
    world.act()
    assert world.running == ["grown[s=b]"]
    world.end("grown[s=b]")
    world.end("all")
    assert world.scheduler.finished
    checked(world)


def test_a_job_gets_an_array_of_the_outputs_of_all_cells() -> None:
    with_output = {"outputs": {"x": OutputSpec()}}
    name = "needs.grown.outputs.x | json"
    uses = {"needed_values": (name,), "late": 1, "run": f"${{{{ {name} }}}}"}
    cells = job(GROWN.name, needs="source", spec=with_output, **GROWN.rest)
    world = started(cells, job("all", needs="grown[s=*]", spec=uses))
    world.end("grown[s=a]", outputs={"x": "1"})
    world.end("grown[s=b]", outputs={"x": "2"})
    (job_index,) = [number for number, _ in world.scheduler.running]
    assert world.scheduler.values.needed_by(job_index) == {name: '["1","2"]'}
    empty = started(cells, job("all", needs="grown[s=*]", spec=uses), values=())
    (job_index,) = [number for number, _ in empty.scheduler.running]
    assert empty.scheduler.values.needed_by(job_index) == {name: "[]"}


def test_choices_of_a_matrix_that_is_expanded_later_are_kept() -> None:
    second = job("more", needs="grown[s=*]", spec={"outputs": {"list": OutputSpec("json")}})
    later = job(
        "later[s=*]",
        workflow="later",
        needs="more",
        run_matrix=RunMatrix((RunAxis("s", workflow="more", output="list"),)),
    )
    both = like("both", "grown", "grown[s=*] later[s=*]", CHAIN, CellChoice("later", references={"s": "s"}))
    world = started(second, GROWN, later, both)
    for cell in ("a", "b"):
        world.end(f"grown[s={cell}]")
    world.end("more", outputs={"list": '["b"]'})
    world.end("later[s=b]")
    assert world.running == ["both[s=b]"]
    assert world.states["both[s=a]"] == "failed"
    assert world.reasons["both[s=a]"] == "`later` has no job with s=a"
    checked(world)


def test_readers_see_the_cells_with_edges_between_them() -> None:
    drafts = (GROWN, like("pack", "grown", "grown[s=*]", CHAIN), job("all", needs="pack[s=*]", after="grown[s=*]"))
    world = started(*drafts)
    seen = grown(world.plan, world.scheduler.growth.growths)
    needs = {one.id: [seen.jobs[need].id for need in one.needs] for one in seen.jobs}
    assert needs == {
        "source": [],
        "grown[s=a]": ["source"],
        "grown[s=b]": ["source"],
        "pack[s=a]": ["grown[s=a]"],
        "pack[s=b]": ["grown[s=b]"],
        "all": ["pack[s=a]", "pack[s=b]"],
    }
    assert [one.index for one in seen.jobs] == list(range(6))
    assert seen.jobs[5].after == (1, 2)
    assert grown(world.plan, []) is world.plan
    assert plan(SOURCE).jobs[0].run_matrix is None


NEVER = RunCondition({"needs.source.status": ("failed",)})


LEFT_OUT = job(GROWN.name, needs="source", condition=NEVER, **GROWN.rest)


def test_what_is_like_a_matrix_that_its_if_leaves_out_is_expanded_by_the_same_value() -> None:
    pack = like("pack", "grown", "grown[s=*]", CHAIN)
    world = started(LEFT_OUT, pack, like("send", "grown", "pack[s=*]", CellChoice("pack", references={"s": "s"})))
    assert world.states["grown[s=*]"] == "left_out"
    assert world.running == ["pack[s=a]", "pack[s=b]"]
    world.end("pack[s=b]")
    assert world.running == ["pack[s=a]", "send[s=b]"]
    world.end("pack[s=a]", Verdict.FAILED)
    assert world.reasons["send[s=a]"] == "need `pack[s=a]` failed"
    checked(world)


def test_what_is_like_a_matrix_and_may_not_run_has_no_cells_in_whatever_order_it_is_written() -> None:
    pack = like("pack", "grown", "grown[s=*]", CHAIN)
    never = like("never", "grown", "grown[s=*]", CHAIN, when=When.FAILURE)
    for drafts in ((pack, never), (never, pack)):
        world = checked(started(LEFT_OUT, *drafts))
        assert world.running == ["pack[s=a]", "pack[s=b]"]
        assert world.states["never[s=*]"] == "skipped"


def test_a_matrix_that_was_left_out_stands_for_each_cell_that_is_chosen() -> None:
    one = job("one", needs="grown[s=*]", chosen_cells=(CellChoice("grown", {"s": "z"}),))
    assert checked(started(LEFT_OUT, one)).running == ["one"]
    empty = checked(started(GROWN, one, values=()))
    assert empty.reasons["one"] == "`grown` has no job with s=z"


def test_what_is_like_a_matrix_without_cells_says_why_it_has_none() -> None:
    pack = like("pack", "grown", "grown[s=*]", CHAIN)
    assert checked(started(LEFT_OUT, pack, values=())).reasons["pack[s=*]"] == "its matrix is empty"
    allowed = job(GROWN.name, needs="source", allow_failure=True, **GROWN.rest)
    world = checked(started(allowed, pack, values={}))
    assert world.states["pack[s=*]"] == "failed"
    assert world.reasons["pack[s=*]"] == "`needs.source.outputs.list` is not a JSON array"
    always = like("pack", "grown", "grown[s=*]", when=When.ALWAYS)
    world = World.started(SOURCE, GROWN, always)  # type: ignore[arg-type]
    world.end("source", Verdict.FAILED)
    assert world.states["grown[s=*]"] == "skipped"
    assert world.reasons["pack[s=*]"] == "`needs.source.outputs.list` has no value"


def test_of_a_matrix_like_another_only_the_selected_cells_run() -> None:
    pack = like("pack", "grown", "grown[s=*]", CHAIN, only=("pack[s=b]",))
    world = started(GROWN, pack)
    world.end("grown[s=b]")
    assert world.running == ["grown[s=a]", "pack[s=b]"]
    assert "pack[s=a]" not in world.states
    missing = started(GROWN, like("pack", "grown", "grown[s=*]", CHAIN, only=("pack[s=z]",)))
    missing.end("grown[s=b]")
    assert missing.states["pack[s=*]"] == "pending"
    missing.end("grown[s=a]")
    assert missing.reasons["pack[s=*]"] == "its matrix has no `pack[s=z]`, which was selected"
    checked(missing)


def test_a_success_that_a_resume_kept_waits_only_for_the_cell_that_it_chose() -> None:
    one = job("one", needs="grown[s=*]", when=When.ALWAYS, chosen_cells=(CellChoice("grown", {"s": "b"}),))
    world = World.started(SOURCE, GROWN, one, job("after", needs="one", when=When.ALWAYS))
    world.end("source", Verdict.FAILED)
    world.end("one")
    world.end("after", Verdict.FAILED)
    world.crash()
    world.act()
    world.end("source", outputs={"list": '["a", "b"]'})
    world.end("grown[s=b]")
    assert world.running == ["grown[s=a]", "after"]
    checked(world)


def test_a_cell_that_comes_after_the_one_that_it_chooses_fails_if_there_is_none() -> None:
    more = job("more", needs="source", spec={"outputs": {"list": OutputSpec("json")}})
    matrix = RunMatrix((RunAxis("s", workflow="more", output="list"),))
    late = job("late[s=*]", workflow="late", needs="more grown[s=*]", run_matrix=matrix, chosen_cells=(CHAIN,))
    world = started(more, GROWN, late, values=("a",))
    world.end("grown[s=a]")
    world.end("more", outputs={"list": '["a", "z"]'})
    assert world.running == ["late[s=a]"]
    assert world.reasons["late[s=z]"] == "`grown` has no job with s=z"
    checked(world)


def test_a_job_waits_for_a_matrix_and_for_another_need() -> None:
    world = started(job("slow"), GROWN, job("all", needs="grown[s=*] slow"))
    world.end("grown[s=a]", Verdict.FAILED)
    world.end("grown[s=b]")
    assert world.states["all"] == "pending"
    world.end("slow")
    assert world.reasons["all"] == "need `grown[s=a]` failed"
    checked(world)


def test_a_resume_keeps_a_matrix_whose_jobs_have_all_succeeded() -> None:
    world = started(GROWN, job("all", needs="grown[s=*]"))
    world.end("grown[s=a]")
    world.end("grown[s=b]")
    world.end("all", Verdict.FAILED)
    world.crash()
    world.act()
    assert world.running == ["all"]
    checked(world)


def test_after_a_resume_a_job_does_not_wait_for_a_success_that_it_only_follows() -> None:
    world = World.started(job("first"), job("second", after="first"))
    world.end("first")
    world.end("second", Verdict.FAILED)
    world.crash()
    world.act()
    assert world.running == ["second"]
    checked(world)


def test_a_resume_decides_again_whether_a_matrix_has_cells() -> None:
    one = job("one", needs="grown[s=*]", chosen_cells=(CellChoice("grown", {"s": "a"}),))
    world = started(GROWN, one, values=())
    assert world.states["one"] == "failed"
    world.crash()
    world.act()
    assert world.reasons["one"] == "`grown` has no job with s=a"
    checked(world)


def test_a_placeholder_whose_source_is_not_in_the_run_fails_unless_the_plan_has_a_default() -> None:
    matrix = RunMatrix((RunAxis("s", workflow="source", output="list"),))
    world = World.started(job("other"), job("grown[s=*]", workflow="grown", needs="other", run_matrix=matrix))
    world.end("other")
    assert world.states["grown[s=*]"] == "failed"
    assert world.reasons["grown[s=*]"] == "`needs.source.outputs.list` has no value"
    checked(world)
    matrix = RunMatrix((RunAxis("s", workflow="source", output="list", default='["a", "b"]'),))
    world = World.started(job("grown[s=*]", workflow="grown", run_matrix=matrix))
    assert world.running == ["grown[s=a]", "grown[s=b]"]
    checked(world)


def test_cells_start_after_what_their_placeholder_follows() -> None:
    follower = job(
        "grown[s=*]",
        workflow="grown",
        needs="source",
        after="other",
        run_matrix=RunMatrix((RunAxis("s", workflow="source", output="list"),)),
    )
    world = started(job("other"), follower)
    assert (world.running, world.states["grown[s=*]"]) == (["other"], "pending")
    world.end("other")
    assert world.running == ["grown[s=a]", "grown[s=b]"]
    checked(world)
