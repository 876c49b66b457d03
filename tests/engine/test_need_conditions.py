"""Conditions that are decided when the needs of a job have ended."""

from __future__ import annotations

import pytest
from support.worlds import World, job

from orchestrator.engine.states import Verdict
from orchestrator.plan.condition_model import GlobPattern, RunCondition
from orchestrator.plan.flow_model import OutputSpec
from orchestrator.plan.model import When

OUTPUTS = {"outputs": {"number": OutputSpec(), "note": OutputSpec(default="none")}}


def asks(**tests: str | tuple[str, ...]) -> RunCondition:
    """`asks(build="failed")` holds if the need `build` failed."""
    return RunCondition(
        {f"needs.{name}.status": (ends,) if isinstance(ends, str) else ends for name, ends in tests.items()}
    )


def value(output: str, *expected: str | GlobPattern) -> RunCondition:
    return RunCondition({f"needs.version.outputs.{output}": expected})


def test_a_job_is_left_out_if_its_condition_does_not_hold_and_its_dependents_run() -> None:
    world = World.started(
        job("version", spec=OUTPUTS),
        job("publish", needs="version", condition=value("number", GlobPattern("v*"))),
        job("after", needs="publish"),
        job("alarm", needs="publish", when=When.FAILURE),
    )
    world.end("version", outputs={"number": "x1"})
    assert world.states == {"version": "succeeded", "publish": "left_out", "after": "running", "alarm": "skipped"}
    assert world.reasons["publish"] == "`if`: `needs.version.outputs.number` is `x1`"
    world.end("after")
    assert world.scheduler.result.value == "SUCCESS"


def test_a_job_runs_if_its_condition_holds() -> None:
    world = World.started(
        job("version", spec=OUTPUTS), job("publish", needs="version", condition=value("note", "none"))
    )
    world.end("version", outputs={"number": "x1"})
    assert world.running == ["publish"]


def test_a_value_that_does_not_exist_is_equal_to_nothing() -> None:
    anything = value("number", GlobPattern("*"))
    world = World.started(
        job("version", spec=OUTPUTS),
        job("yes", needs="version", when=When.ALWAYS, condition=anything),
        job("no", needs="version", when=When.ALWAYS, condition=RunCondition(not_=anything)),
        job("default", needs="version", when=When.ALWAYS, condition=value("note", "none")),
        job("gone", needs="version", when=When.ALWAYS, condition=RunCondition({"needs.gone.outputs.x": ("",)})),
    )
    world.end("version", Verdict.FAILED)
    assert world.running == ["no", "default"]
    assert world.reasons["yes"] == "`if`: `needs.version.outputs.number` has no value"
    assert world.reasons["gone"] == "`if`: `needs.gone.outputs.x` has no value"


@pytest.mark.parametrize("end", ["succeeded", "failed", "timed_out", "cancelled", "skipped", "left_out"])
def test_a_condition_knows_how_its_need_ended(end: str) -> None:
    never = asks(none="failed")
    world = World.started(
        job("first", allow_failure=end == "left_out"),
        job("need", needs="first", condition=never if end == "left_out" else None),
        job("it", needs="need", when=When.ALWAYS, condition=asks(need=end)),
        job("other", needs="need", when=When.ALWAYS, condition=RunCondition(not_=asks(need=end))),
    )
    world.end("first", Verdict.FAILED if end == "skipped" else Verdict.SUCCEEDED)
    if end == "cancelled":
        world.cancel("need")
    verdicts = {"failed": Verdict.FAILED, "timed_out": Verdict.TIMED_OUT, "cancelled": Verdict.KILLED}
    if end not in ("skipped", "left_out"):
        world.end("need", verdicts.get(end, Verdict.SUCCEEDED))
    assert world.states["need"] == end
    assert world.running == ["it"]
    assert world.states["other"] == "left_out"


def test_of_several_jobs_the_worst_end_counts_and_a_left_out_one_least() -> None:
    def running(*verdicts: Verdict, asked: str, never: bool = False) -> bool:
        cells = [job(f"n{number}", workflow="need") for number in range(len(verdicts))]
        cells += [job("gone", workflow="need", condition=asks(none="failed"))] * never
        names = " ".join(cell.name for cell in cells)
        world = World.started(*cells, job("it", needs=names, when=When.ALWAYS, condition=asks(need=asked)))
        for number, verdict in enumerate(verdicts):
            world.end(f"n{number}", verdict)
        return world.running == ["it"]

    assert running(Verdict.SUCCEEDED, Verdict.FAILED, asked="failed")
    assert running(Verdict.FAILED, Verdict.TIMED_OUT, asked="timed_out")
    assert running(Verdict.SUCCEEDED, asked="succeeded", never=True)
    assert running(asked="left_out", never=True)


def test_when_decides_before_the_condition() -> None:
    world = World.started(job("build"), job("it", needs="build", condition=asks(none="failed")))
    world.end("build", Verdict.FAILED)
    assert world.states["it"] == "skipped"


def test_a_condition_decides_before_a_stop_and_after_a_cancel_of_the_job_itself() -> None:
    world = World.started(job("build"), job("it", needs="build", condition=asks(build="failed")))
    world.cancel()
    world.end("build")
    assert world.states["it"] == "left_out"
    world = World.started(job("build"), job("it", needs="build", condition=asks(build="failed")))
    world.cancel("it")
    world.end("build")
    assert world.states["it"] == "cancelled"


def test_a_group_may_have_a_condition() -> None:
    world = World.started(job("build"), job("all", needs="build", group=True, condition=asks(build="failed")))
    world.end("build")
    assert world.states["all"] == "left_out"
    assert world.reasons["all"] == "`if`: `needs.build.status` is `succeeded`"


def test_a_condition_without_a_test_of_its_own_says_only_that_it_does_not_hold() -> None:
    world = World.started(job("build"), job("it", needs="build", condition=RunCondition(any_=(asks(build="lost"),))))
    world.end("build")
    assert world.reasons["it"] == "its `if` does not hold"


def test_the_reason_is_the_first_test_that_does_not_hold() -> None:
    both = RunCondition({"needs.build.status": ("succeeded",), "needs.gone.status": ("succeeded",)})
    world = World.started(job("build"), job("it", needs="build", condition=both))
    world.end("build")
    assert world.reasons["it"] == "`if`: `needs.gone.status` is `left_out`"


def test_a_resume_decides_again() -> None:
    world = World.started(
        job("build"),
        job("lint"),
        job("it", needs="build", when=When.ALWAYS, condition=asks(build="succeeded")),
    )
    world.end("build", Verdict.FAILED)
    assert world.states["it"] == "left_out"
    world.crash()
    world.act()
    assert world.states["it"] == "pending"
    world.end("build")
    assert "it" in world.running
