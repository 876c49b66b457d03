"""Two runs that follow every rule, event by event, and ways to corrupt them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.stories import CACHED, MUST_RUN, Story
from support.worlds import job, plan

from orchestrator.plan.condition_model import GlobPattern, RunCondition
from orchestrator.plan.flow_model import OutputSpec
from orchestrator.plan.model import RetryPolicy, When

Events = list[dict[str, Any]]
Edit = Callable[[Events], None]


def change(line: int, **fields: Any) -> Edit:
    """Other values in one event."""
    return lambda events: events[line - 1].update(fields)


def drop(*lines: int) -> Edit:
    """These events are not there."""

    def edit(events: Events) -> None:
        for line in sorted(lines, reverse=True):
            del events[line - 1]

    return edit


def move(line: int, before: int, *, at: float) -> Edit:
    """An event is moved, with another second."""
    return lambda events: events.insert(before - 1, {**events.pop(line - 1), "at": at})


def insert(before: int, at: float, event: str, **fields: Any) -> Edit:
    """One event more."""
    return lambda events: events.insert(before - 1, {"event": event, "at": at, **fields})


def both(*edits: Edit) -> Edit:
    """One edit after the other."""

    def edit(events: Events) -> None:
        for one in edits:
            one(events)

    return edit


def started(before: int, at: float, job: str, attempt: int = 1) -> Edit:
    return insert(before, at, "attempt.started", job=job, attempt=attempt)


def nightly() -> Story:
    """A lawful run: `fetch` at its second attempt, two that share a pool, a soft order, a failure and what follows."""
    story = Story(
        plan(
            job("fetch", retry=RetryPolicy(max_attempts=2, delay=1.0, jitter=0.0)),
            job("build", needs="fetch", pools=(("disk", 1),)),
            job("pack", needs="fetch", pools=(("disk", 2),)),
            job("test", needs="build", after="pack"),
            job("break", needs="fetch"),
            job("repair", needs="break"),
            job("notify", needs="break", when=When.FAILURE),
            job("all", needs="test", group=True),
            job("last", needs="repair", when=When.ALWAYS, allow_failure=True),
            max_parallel_jobs=2,
            pools={"disk": 2},
        )
    )
    story.start("fetch", 0.0)
    story.end("fetch", 1.0, "failed", exit_code=1, reason="exit code 1", retry_at=2.0)
    story.start("fetch", 2.0)
    story.end("fetch", 3.0)
    story.start("build", 3.0)
    story.start("break", 3.0)
    story.end("build", 4.0)
    story.start("pack", 4.0)
    story.end("break", 5.0, "timed_out", reason="ran longer than 2s")
    story.settle("repair", 5.0, "skipped", "need `break` timed out")
    story.start("notify", 5.0)
    story.end("notify", 6.0)
    story.end("pack", 7.0)
    story.start("test", 7.0)
    story.start("last", 7.0)
    story.end("last", 8.0, "failed", exit_code=3, allowed=True)
    story.end("test", 9.0)
    story.settle("all", 9.0, "succeeded")
    story.finish(9.0, "FAILED", 1)
    return story


def rebuilt() -> Story:
    """A lawful run in which jobs are checked: `copy` is up to date, `compile` is not; `plain` has no inputs."""
    story = Story(
        plan(
            job("copy", inputs=()),
            job("compile", needs="copy", inputs=()),
            job("plain", needs="copy"),
            job("check", needs="plain compile", inputs=(), when=When.ALWAYS),
        )
    )
    story.emit("job.cached", 0.5, job="copy", **CACHED)
    story.settle("copy", 0.5, "succeeded", "up to date")
    story.start("plain", 0.5)
    story.emit("job.must_run", 1.0, job="compile", **MUST_RUN)
    story.start("compile", 1.0)
    story.end("plain", 2.0)
    story.end("compile", 3.0)
    story.emit("job.cached", 3.0, job="check", **CACHED)
    story.settle("check", 3.0, "succeeded", "up to date")
    story.finish(3.0)
    return story


def stopped() -> Story:
    """A lawful run that is stopped: one job listens, one is killed, one was to come, one runs always; then resumed."""
    story = Story(
        plan(
            job("ears"),
            job("deaf", grace=2.0),
            job("idle", needs="ears"),
            job("next", after="ears"),
            job("late", needs="idle", when=When.ALWAYS),
            max_parallel_jobs=2,
            timeout=60.0,
        )
    )
    story.start("ears", 0.0)
    story.start("deaf", 0.0)
    story.emit("cancel.requested", 1.0, reason="user", force=False, job=None)
    story.emit("kill.sent", 1.0, job="ears", attempt=1, force=False)
    story.emit("kill.sent", 1.0, job="deaf", attempt=1, force=False)
    story.end("ears", 2.0, "killed", reason="stopped on request")
    story.settle("idle", 2.0, "skipped", "need `ears` was cancelled")
    story.settle("next", 2.0, "cancelled", "the run was cancelled")
    story.start("late", 2.0)
    story.end("late", 2.5)
    story.emit("kill.sent", 3.0, job="deaf", attempt=1, force=True)
    # Here pexec is killed, and a new one resumes the run.
    story.resume(4.0)
    story.start("deaf", 4.0)
    story.start("ears", 4.0)
    story.end("deaf", 5.0)
    story.end("ears", 7.0)
    story.start("next", 7.0)
    story.start("idle", 7.0)
    story.end("idle", 8.0)
    story.end("next", 9.0)
    story.finish(9.0)
    return story


def handing_on() -> Story:
    """A lawful run in which `version` writes a value: `build` uses it, and `report` one that does not exist."""
    number, note = "needs.version.outputs.number", "needs.check.outputs.note | json"
    story = Story(
        plan(
            job("version", spec={"outputs": {"number": OutputSpec()}}),
            job("check", spec={"outputs": {"note": OutputSpec(), "rest": OutputSpec(default="")}}, allow_failure=True),
            job("build", needs="version check", spec={**_using(number, note)}),
            job("report", needs="check", spec=_using("needs.check.outputs.note")),
            job("copy", needs="version check", spec={"argv": (f"${{{{ {number} }}}}",), **_using(number), "run": None}),
        )
    )
    story.start("version", 0.0)
    story.start("check", 0.0)
    story.end("version", 1.0, outputs={"number": "v1"})
    story.end("check", 2.0, "failed", exit_code=1, allowed=True)
    story.settle("report", 2.0, "failed", "the output `note` that it uses has no value: `check` failed")
    story.start("build", 2.0)
    story.start("copy", 2.0)
    story.end("build", 3.0)
    story.end("copy", 3.0)
    story.finish(3.0, "FAILED", 1)
    return story


def deciding() -> Story:
    """A lawful run with conditions: `publish` is left out, which satisfies `after`; `rescue` runs."""
    story = Story(
        plan(
            job("version", spec={"outputs": {"number": OutputSpec()}}),
            job("build", needs="version", allow_failure=True),
            job("publish", needs="version build", condition=_asking(number=("v1", GlobPattern("w*?")))),
            job("after", needs="publish"),
            job("rescue", needs="build publish", condition=_asking(build=("failed",), publish=("left_out",))),
            job("plain", needs="version"),
            job(
                "quiet",
                needs="version",
                condition=RunCondition(not_=RunCondition({"needs.version.status": ("succeeded",)})),
            ),
        )
    )
    story.start("version", 0.0)
    story.end("version", 1.0, outputs={"number": "x1"})
    story.start("build", 1.0)
    story.start("plain", 1.0)
    story.end("build", 2.0, "failed", exit_code=1, allowed=True)
    story.settle("publish", 2.0, "left_out", "`if`: `needs.version.outputs.number` is `x1`")
    story.start("after", 2.0)
    story.start("rescue", 2.0)
    story.end("after", 3.0)
    story.end("rescue", 3.0)
    story.end("plain", 3.0)
    story.settle("quiet", 3.0, "left_out", "its `if` does not hold")
    story.finish(3.0)
    return story


def _asking(number: tuple[str | GlobPattern, ...] = (), **ends: tuple[str, ...]) -> RunCondition:
    """A condition about the number of `version`, or about how jobs ended."""
    tests = {f"needs.{name}.status": expected for name, expected in ends.items()}
    never = RunCondition({"needs.version.status": ("failed",)})
    first = {"needs.version.outputs.number": number} if number else tests
    return RunCondition(first, never, (never, RunCondition(tests)), (RunCondition(),))


def _using(*names: str) -> dict[str, Any]:
    """The fields of a spec whose text uses these values."""
    return {"run": " ".join(f"${{{{ {name} }}}}" for name in names), "late": 1, "needed_values": names}
