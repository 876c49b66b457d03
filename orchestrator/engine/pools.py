"""Named resources that running attempts take from."""

from __future__ import annotations

from orchestrator.plan.model import Plan, PlannedJob


class Pools:
    """The room left in each pool. It may be negative in a replayed run: past decisions are not judged again."""

    __slots__ = ("room",)

    def __init__(self, plan: Plan) -> None:
        self.room: dict[str, int] = dict(plan.policy.pools)
        for job in plan.jobs:
            for pool, amount in job.pools:
                if amount > self.room.get(pool, 0):
                    raise ValueError(f"job `{job.id}` could never start: it takes {amount} of pool `{pool}`")

    def take(self, job: PlannedJob) -> None:
        """An attempt of this job started."""
        for pool, amount in job.pools:
            self.room[pool] -= amount

    def release(self, job: PlannedJob) -> None:
        """The attempt ended."""
        for pool, amount in job.pools:
            self.room[pool] += amount
