"""The state that a list of facts leads to."""

from __future__ import annotations

from collections.abc import Iterable

from orchestrator.engine.facts import Fact
from orchestrator.engine.scheduler import Scheduler
from orchestrator.plan.model import Plan


def replay(plan: Plan, facts: Iterable[Fact], *, last_grace: float = 10.0) -> Scheduler:
    """The scheduler that these facts lead to. Raises what `apply` raises."""
    scheduler = Scheduler(plan, last_grace=last_grace)
    for fact in facts:
        scheduler.apply(fact)
    return scheduler
