"""Drawn runs of drawn plans as journals: a world whose facts and consequences are written down."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import strategies as st
from support.dags import Waits, dags
from support.journals import Events
from support.stories import CACHED, DRIVER, MUST_RUN, Story
from support.worlds import World, end_of_time, job, plan

from orchestrator.engine.facts import AttemptFinished, Consequence, Fact, JobFinished, RetryScheduled, RunStarted
from orchestrator.engine.states import Verdict
from orchestrator.journal.facts_as_events import fact_to_fields
from orchestrator.plan.model import Plan, RetryPolicy, When


class Recorded(World):
    """A world whose facts and consequences are written down as a journal has them."""

    def __init__(self, plan: Plan) -> None:
        super().__init__(plan)
        self.story = Story(plan)

    def happen(self, fact: Fact) -> tuple[Consequence, ...]:
        consequences = super().happen(fact)
        ids = [one.id for one in self.plan.jobs]
        name, fields = fact_to_fields(fact, ids)
        more: dict[str, dict[str, Any]] = {
            "run.resumed": {**DRIVER, "max_parallel_jobs": self.plan.policy.max_parallel_jobs},
            "attempt.started": {"host": "host", "worker": None},
            "job.adopted": {"from_run": "earlier"},
            "job.cached": CACHED,
            "job.must_run": MUST_RUN,
        }
        fields |= more.get(name, {})
        if not isinstance(fact, RunStarted):  # with that a story begins
            self.story.emit(name, fact.at, **fields)
        for consequence in consequences:
            self._record(consequence, fact.at, ids[consequence.job])
        return consequences

    def _record(self, consequence: Consequence, at: float, job: str) -> None:
        if isinstance(consequence, JobFinished):
            self.story.emit(
                "job.finished",
                at,
                job=job,
                status=consequence.status.value,
                reason=consequence.reason,
                attempts=consequence.attempts,
                allowed=consequence.allowed,
            )
        elif isinstance(consequence, RetryScheduled):
            self.story.emit(
                "retry.scheduled",
                at,
                job=job,
                attempt=consequence.attempt,
                not_before=consequence.not_before,
                reason=consequence.reason,
            )

    def finish(self) -> Events:
        """The journal of the run, which has ended."""
        result = self.scheduler.result.value
        self.story.finish(self.now, result, 0 if result == "SUCCESS" else 1)
        return self.story.events


RETRIES = (
    RetryPolicy(),
    RetryPolicy(max_attempts=3, delay=2.0, max_delay=3.0),
    RetryPolicy(max_attempts=2, delay=4.0, jitter=0.0, on_timed_out=False),
    RetryPolicy(max_attempts=3, delay=0.0, on_failed=False, on_timed_out=False, on_exit=(75,)),
)
VERDICTS = (Verdict.SUCCEEDED, Verdict.SUCCEEDED, Verdict.FAILED, Verdict.TIMED_OUT, Verdict.LOST)
KINDS = ["answer"] * 12 + ["check"] * 5 + ["wait"] * 4 + ["cancel", "cancel_job", "force", "crash"]
Steps = Sequence[tuple[str, int, int]]


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Up to eight jobs with all that a scheduler looks at."""
    waits: Waits = draw(dags(max_jobs=8))
    drafts = []
    for index, row in enumerate(waits):
        split = draw(st.integers(0, len(row)))
        needs = " ".join(f"j{other}" for other in row[:split])
        group = bool(needs) and draw(st.integers(0, 4)) == 4
        drafts.append(
            job(
                f"j{index}",
                needs=needs,
                after=" ".join(f"j{other}" for other in row[split:]),
                group=group,
                inputs=None if group else draw(st.sampled_from((None, None, ()))),
                when=draw(st.sampled_from((When.SUCCESS, When.SUCCESS, When.FAILURE, When.ALWAYS))),
                pools=() if group else draw(st.sampled_from(((), (), (("gpu", 1),), (("gpu", 2), ("db", 1))))),
                allow_failure=draw(st.integers(0, 3)) == 3,
                retry=draw(st.sampled_from(RETRIES)),
            )
        )
    return plan(
        *drafts,
        max_parallel_jobs=draw(st.integers(1, 3)),
        fail_fast=draw(st.sampled_from([False, "drain", True])),
        timeout=draw(st.sampled_from((None, None, 15.0))),
        pools={"gpu": 2, "db": 1},
    )


def take(world: Recorded, kind: str, which: int, how: int) -> None:
    """One step of a drawn run."""
    running = world.scheduler.running
    if kind == "answer" and running:
        index, attempt = running[which % len(running)]
        under_way = world.laws.running[index]
        verdict = (
            Verdict.KILLED
            if (under_way.term_sent or under_way.kill_sent) and how < 6
            else VERDICTS[how % len(VERDICTS)]
        )
        code = 0 if verdict is Verdict.SUCCEEDED else (1, 75)[which % 2]
        world.happen(AttemptFinished(world.now, index, attempt, verdict, code))
    elif kind == "check" and world.laws.unchecked:
        world.answer_check(world.laws.unchecked[which % len(world.laws.unchecked)], up_to_date=how % 2 == 0)
    elif kind == "wait":
        world.now += (0.5, 2.0, 5.0, 12.0)[which % 4]
    elif kind == "crash":
        world.now += how
        world.crash()
    elif kind == "cancel_job" and world.plan.jobs:
        world.cancel(f"j{which % len(world.plan.jobs)}", force=how > 6)
    elif kind in ("cancel", "force"):
        world.cancel(force=kind == "force")
    world.act()


STEPS = st.lists(st.tuples(st.sampled_from(KINDS), st.integers(0, 7), st.integers(0, 11)), max_size=40)


def drawn_run(of: Plan, steps: Steps) -> Events:
    """The journal of a run in which these steps happen until it ends."""
    world = Recorded(of)
    world.checks_take_time = True
    world.begin()
    world.act()
    for step in steps:
        if not world.scheduler.finished or step[0] == "crash":
            take(world, *step)
    end_of_time(world, answers=True)
    return world.finish()
