"""What a job gets of the jobs that it needs, and what happens where a value does not exist."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace
from support.worlds import Draft, World, end_of_time, job, plan

from orchestrator.engine.commands import Launch
from orchestrator.engine.facts import AttemptFinished, JobAdopted
from orchestrator.engine.replay import replay
from orchestrator.engine.states import Verdict
from orchestrator.plan.flow_model import OutputSpec
from orchestrator.plan.model import RetryPolicy, When

NUMBER = "needs.version.outputs.number"


def source(name: str = "version", *, default: str | None = None, kind: Any = "text", **rest: Any) -> Draft:
    """A job with the output `number`."""
    return job(name, spec={"outputs": {"number": OutputSpec(kind, default)}}, **rest)


def user(name: str, *uses: str, needs: str = "version", argv: bool = False, **rest: Any) -> Draft:
    """A job that uses values of its needs in its text, or in its arguments."""
    texts = tuple(f"${{{{ {use} }}}}" for use in uses)
    command = {"run": None, "argv": ("echo", *texts)} if argv else {"run": " ".join(texts)}
    return job(name, needs=needs, spec={**command, "late": 1, "needed_values": uses}, **rest)


def launched(world: World, name: str) -> dict[str, str]:
    """The values with which a job is launched now."""
    (launch,) = [
        command
        for command in world.scheduler.decide(world.now)
        if isinstance(command, Launch) and command.job == world.number(name)
    ]
    return dict(launch.values)


def end(world: World, name: str, number: str) -> None:
    """A job ends with its output, and nothing is done yet."""
    job = world.number(name)
    attempt = world.scheduler.table.attempts[job]
    world.happen(AttemptFinished(world.now, job, attempt, Verdict.SUCCEEDED, 0, outputs={"number": number}))


def test_a_job_is_launched_with_the_values_that_it_uses_also_when_it_is_tried_again() -> None:
    twice = RetryPolicy(max_attempts=2, delay=0)
    world = World.started(source(), user("build", NUMBER, f"{NUMBER} | json", retry=twice))
    end(world, "version", "v1")
    assert launched(world, "build") == {NUMBER: "v1", f"{NUMBER} | json": '"v1"'}
    world.act()
    world.happen(AttemptFinished(world.now, 1, 1, Verdict.FAILED, 1))
    assert launched(world, "build")[NUMBER] == "v1"


def test_values_of_other_types_are_json_already() -> None:
    world = World.started(source(kind="number"), user("build", f"{NUMBER} | json"))
    end(world, "version", "1.50")
    assert launched(world, "build") == {f"{NUMBER} | json": "1.50"}


def test_the_jobs_of_a_matrix_make_an_array_in_their_order() -> None:
    cells = [source(f"v{n}", workflow="version", matrix={"n": n}, allow_failure=True) for n in range(3)]
    world = World.started(*cells, user("build", f"{NUMBER} | json", needs="v0 v1 v2"))
    end(world, "v2", "two")
    world.end("v1", Verdict.FAILED)
    end(world, "v0", "zero")
    assert launched(world, "build") == {f"{NUMBER} | json": '["zero",null,"two"]'}


def test_a_failed_need_has_its_default_also_if_it_wrote_something_before() -> None:
    world = World.started(source(default="none"), user("build", NUMBER, when=When.ALWAYS))
    world.happen(AttemptFinished(0.0, 0, 1, Verdict.FAILED, 0, outputs={"number": "v1"}))
    assert launched(world, "build") == {NUMBER: "none"}


def test_a_job_that_uses_a_value_that_does_not_exist_fails_without_an_attempt() -> None:
    world = World.started(
        source(), user("build", NUMBER, when=When.ALWAYS, retry=RetryPolicy(max_attempts=5)), job("next", needs="build")
    )
    world.end("version", Verdict.FAILED)
    assert world.states == {"version": "failed", "build": "failed", "next": "skipped"}
    assert world.reasons["build"] == "the output `number` that it uses has no value: `version` failed"
    assert world.scheduler.table.attempts[1] == 0


def test_its_failure_counts_like_any_other() -> None:
    world = World.started(
        source(allow_failure=True), user("build", NUMBER), job("other", needs="version"), fail_fast=True
    )
    world.end("version", Verdict.FAILED)
    assert world.states == {"version": "failed", "build": "failed", "other": "cancelled"}
    allowed = World.started(source(allow_failure=True), user("build", NUMBER, allow_failure=True), fail_fast=True)
    allowed.end("version", Verdict.FAILED)
    assert allowed.scheduler.result.value == "SUCCESS"


def test_a_stop_of_the_run_comes_before_a_missing_value() -> None:
    world = World.started(source(allow_failure=True), user("build", NUMBER))
    world.cancel()
    world.end("version", Verdict.FAILED)
    assert world.states["build"] == "cancelled"


def test_a_value_that_is_too_long_for_an_argument_fails_its_user_but_not_one_with_shell_text() -> None:
    world = World.started(source(), user("argument", NUMBER, argv=True), user("text", NUMBER))
    end(world, "version", "x" * (128 * 1024 + 1))
    assert world.states["text"] == "ready"
    assert world.reasons["argument"] == (
        "the output `number` of `version` is too long for an argument or a variable: 131,073 bytes"
    )
    fits = World.started(source(), user("argument", NUMBER, argv=True))
    end(fits, "version", "ü" * (64 * 1024))
    assert fits.states["argument"] == "ready"


def test_an_adopted_success_hands_on_its_values() -> None:
    world = World(plan(source(), user("build", NUMBER)))
    world.begin()
    world.happen(JobAdopted(0.0, 0, {"number": "v7"}))
    assert launched(world, "build") == {NUMBER: "v7"}


def test_a_resume_keeps_the_values_of_successes() -> None:
    world = World.started(source(), user("build", NUMBER))
    end(world, "version", "v1")
    world.act()
    world.crash()
    assert launched(world, "build") == {NUMBER: "v1"}
    end_of_time(world, answers=True)
    assert world.scheduler.values.of(0) == {"number": "v1"}


def test_a_replay_with_another_value_is_another_state() -> None:
    world = World.started(source(), user("build", NUMBER))
    end(world, "version", "v1")
    changed = [
        replace(fact, outputs={"number": "v2"}) if getattr(fact, "outputs", None) else fact for fact in world.facts
    ]
    assert replay(world.plan, changed).snapshot() != world.scheduler.snapshot()


def test_a_success_that_lacks_a_value_in_a_damaged_journal_fails_its_user_with_a_reason() -> None:
    world = World.started(source(), user("build", NUMBER))
    world.end("version", outputs={})
    assert world.reasons["build"] == "the output `number` that it uses has no value: `version` succeeded without it"
