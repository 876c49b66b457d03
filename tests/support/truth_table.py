"""The outcome of a job for every end of its needs and every `when`: computed by the engine, rendered as a page.

After a change to the engine's rules, generate the page again:

    python tests/support/truth_table.py
"""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
if __name__ == "__main__":
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from support.worlds import Draft, World, job  # noqa: E402

from orchestrator.engine.states import Verdict  # noqa: E402
from orchestrator.plan.condition_model import RunCondition  # noqa: E402
from orchestrator.plan.model import When  # noqa: E402

PAGE = ROOT / "docs/design/outcomes.md"

BringAbout = Callable[[World, str], object]


def ends(verdict: Verdict) -> BringAbout:
    """Let the need run and end with this verdict."""
    return lambda world, need: world.end(need, verdict)


def is_lost(world: World, need: str) -> None:
    """The infrastructure breaks each time; a lost attempt is retried a few times."""
    while world.states[need] != "lost":
        if need in world.running:
            world.end(need, Verdict.LOST)
        else:
            world.wait(1.0)


def is_skipped(world: World, need: str) -> None:
    """Its own need fails."""
    world.end(f"{need}0", Verdict.FAILED)


def is_skipped_without_a_failure(world: World, need: str) -> None:
    """Its own need is cancelled."""
    is_cancelled(world, f"{need}0")


def is_cancelled(world: World, need: str) -> None:
    """Only this job is cancelled, and then stopped."""
    world.cancel(need)
    world.end(need, Verdict.KILLED)


def is_left_out(world: World, need: str) -> None:
    """Its own `if` does not hold, which is known at once."""


NEVER = RunCondition({"needs.none.status": ("failed",)})  # a need that is not in the run
# Words for the end of a need -> how it is brought about, and whether its failure is allowed.
ENDS: dict[str, tuple[BringAbout, bool]] = {
    "succeeded": (ends(Verdict.SUCCEEDED), False),
    "failed": (ends(Verdict.FAILED), False),
    "failed, allowed": (ends(Verdict.FAILED), True),
    "timed out": (ends(Verdict.TIMED_OUT), False),
    "timed out, allowed": (ends(Verdict.TIMED_OUT), True),
    "lost": (is_lost, False),
    "lost, allowed": (is_lost, True),
    "skipped, after a failure": (is_skipped, False),
    "skipped, without a failure": (is_skipped_without_a_failure, False),
    "cancelled": (is_cancelled, False),
    "left out": (is_left_out, False),
}
# The ends that differ for a job with two needs.
_SHORT = (
    "succeeded",
    "failed",
    "failed, allowed",
    "skipped, after a failure",
    "skipped, without a failure",
    "cancelled",
    "left out",
)
_OUTCOMES = {
    "pending": "waits",
    "running": "runs",
    "skipped": "skipped",
    "cancelled": "cancelled",
    "left_out": "left out",
}

_HEAD = """\
# Outcomes of a job

The outcome of a job for every end of its needs and every `when`. These tables are generated from the engine, and a test
compares them. After a change to its rules run `python tests/support/truth_table.py`.

An outcome is decided when all needs have ended. A need is *skipped after a failure* if one of its own needs failed,
timed out or was lost without being allowed to, or was itself skipped after a failure.

"""
_IF = """
## One need, and an `if` that does not hold

`when` decides first, then what an `if` asks of needs. A job that is *left out* satisfies its dependents.

"""
_AFTER_A_STOP = """
## While the run is being stopped

The outcome of a job whose need was running when the run was stopped, by how the need then ended. *Cancelled* and
*skipped* jobs never start; a job that runs after Ctrl-C, `pexec cancel` or the deadline has its `cleanup_timeout` as
its timeout.

"""


def outcome(when: When, *needs: str, condition: RunCondition | None = None) -> str:
    """The outcome of a job with these ends of its needs."""
    names = [f"n{number}" for number in range(len(needs))]
    it = job("it", needs=" ".join(names), when=when, condition=condition)
    world = World.started(*_needs(names, needs), it, max_parallel_jobs=9)
    for name, end in zip(names, needs, strict=True):
        ENDS[end][0](world, name)
    return _OUTCOMES[world.states["it"]]


def outcome_during_stop(when: When, how: str, end: str) -> str:
    """The outcome of a job whose need is running when the run is stopped, and then ends like this."""
    other = job("other")
    mode = {"fail-fast": True, "fail-fast: drain": "drain"}.get(how, False)
    world = World.started(*_needs(["n0"], [end]), other, job("it", needs="n0", when=when), fail_fast=mode)
    if how == "Ctrl-C":
        world.cancel()
    else:
        world.end("other", Verdict.FAILED)
    ENDS[end][0](world, "n0")
    return _OUTCOMES[world.states["it"]]


def _needs(names: list[str], needs: list[str] | tuple[str, ...]) -> Iterator[Draft]:
    for name, end in zip(names, needs, strict=True):
        was_skipped = end.startswith("skipped")
        if was_skipped:
            yield job(f"{name}0")
        condition = NEVER if end == "left out" else None
        yield job(name, needs=f"{name}0" if was_skipped else "", allow_failure=ENDS[end][1], condition=condition)


def _table(head: list[str], rows: Iterator[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in lines)


def page() -> str:
    """What `docs/design/outcomes.md` holds."""
    columns = [f"`when: {when.value}`" for when in When]
    one = _table(["its one need", *columns], ([end, *(outcome(when, end) for when in When)] for end in ENDS))
    pairs = itertools.combinations_with_replacement(_SHORT, 2)
    two = _table(
        ["one need", "the other", *columns], ([a, b, *(outcome(when, a, b) for when in When)] for a, b in pairs)
    )
    rows = ([end, *(outcome(when, end, condition=NEVER) for when in When)] for end in ENDS)
    with_if = _table(["its one need", *columns], rows)
    stops = ("Ctrl-C", "fail-fast", "fail-fast: drain")
    ended = ("succeeded", "failed", "cancelled")
    stopped = _table(
        ["stopped by", "the need then", *columns],
        ([how, end, *(outcome_during_stop(when, how, end) for when in When)] for how in stops for end in ended),
    )
    return f"{_HEAD}## One need\n\n{one}\n## Two needs\n\n{two}{_IF}{with_if}{_AFTER_A_STOP}{stopped}"


if __name__ == "__main__":
    PAGE.parent.mkdir(exist_ok=True)
    PAGE.write_text(page())
