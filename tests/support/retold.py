"""The journal of a run of `support.worlds`, and what the judge of journals says of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from support.stories import CACHED, HERE, MUST_RUN, Story
from support.worlds import World

from orchestrator.engine.facts import AttemptFinished, KillSent, RunResumed, RunStarted
from orchestrator.engine.scheduler import Scheduler
from orchestrator.journal.facts_as_events import consequence_to_fields, fact_to_fields, grown_from_event
from orchestrator.plan.export import plan_to_dict
from orchestrator.plan.grown_plan import grown
from orchestrator.report.verify.growth_rules import Growing
from orchestrator.report.verify.judge import Judge

Change = Callable[[dict[str, Any]], dict[str, Any] | None]

_MORE: dict[str, dict[str, Any]] = {
    "job.cached": CACHED,
    "job.must_run": MUST_RUN,
    "attempt.started": HERE,
    "job.adopted": {"from_run": "earlier"},
}


def retold(world: World) -> Story:
    """The journal of a run so far. Late answers are not recorded."""
    scheduler, story = Scheduler(world.plan), Story(world.plan)
    for fact in world.facts:
        if isinstance(fact, AttemptFinished | KillSent) and (fact.job, fact.attempt) not in scheduler.running:
            continue
        ids = [job.id for job in scheduler.table.jobs]
        event, fields = fact_to_fields(fact, ids)
        consequences = scheduler.apply(fact)
        if isinstance(fact, RunResumed):
            story.resume(fact.at, max_parallel_jobs=world.plan.policy.max_parallel_jobs)
        elif not isinstance(fact, RunStarted):
            exits = {"exit_code": 0} if fields.get("verdict") == "succeeded" else {}
            story.emit(event, fact.at, **{**fields, **_MORE.get(event, {}), **exits})
        ids = [job.id for job in scheduler.table.jobs]
        for one in consequences:
            event, fields = consequence_to_fields(one, ids)
            story.emit(event, fact.at, **fields)
    return story


def broken_rules(world: World, change: Change = lambda event: event) -> list[str]:
    """What `pexec verify` would find in the journal of a run, with this change to its events."""
    plan = world.plan
    events = [changed for event in retold(world).events if (changed := change(event)) is not None]
    grow = [grown_from_event(event) for event in events if event["event"] == "matrix.expanded"]
    seen = grown(plan, grow)
    placeholders = {job.id: job for job in plan.jobs if job.run_matrix is not None}
    judge = Judge(plan_to_dict(seen), Growing(placeholders, seen.jobs))
    for event in events:
        judge.check(event)
    return [f"{one.rule}: {one.message}" for one in judge.found]
