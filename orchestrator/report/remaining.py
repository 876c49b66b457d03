"""How long the rest of a run takes at least, while it runs: the estimate of `pexec plan`, for what is left."""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping

from orchestrator.plan.estimate import assumed_seconds
from orchestrator.plan.model import Plan


class RemainingTime:
    """Add the ends of jobs, which are indices; each costs the same, however large the plan is. `succeeded` are those
    that succeeded before."""

    def __init__(self, plan: Plan, succeeded: Iterable[int] = ()) -> None:
        self._jobs = plan.jobs
        self._slots = plan.policy.max_parallel_jobs
        self._sizes = plan.policy.pools
        seconds = assumed_seconds(plan)
        self._is_known = seconds is not None
        self._seconds = seconds or [0.0] * len(plan.jobs)
        self._is_open = bytearray(b"\1" * len(plan.jobs))
        self._work = 0.0
        self._held = dict.fromkeys(plan.policy.pools, 0.0)
        # Where durations are known, ranks are seconds. Of the open jobs, the first of these has the longest chain.
        self._by_rank = sorted(range(len(plan.jobs)), key=lambda job: -plan.jobs[job].rank)
        self._first = 0
        for job in range(len(plan.jobs)):
            self._add(job, 1)
        for job in succeeded:
            self.end(job)

    def end(self, job: int) -> None:
        """The job has ended, however that was."""
        if self._is_open[job]:
            self._is_open[job] = 0
            self._add(job, -1)

    def at_least(self, running: Mapping[int, float]) -> float | None:
        """Seconds, at a moment when these jobs have run for so long; None where no durations are known."""
        if not self._is_known:
            return None
        done = {job: min(seconds, self._seconds[job]) for job, seconds in running.items()}
        # What waits for a running job has a shorter chain than what is left of that job's own.
        path = max((self._jobs[job].rank - seconds for job, seconds in done.items()), default=0.0)
        path = max(path, self._longest_chain_without(done))
        work, held = self._work, dict(self._held)
        for job, seconds in done.items():
            work -= seconds
            for pool, amount in self._jobs[job].pools:
                held[pool] -= amount * seconds
        return max(0.0, path, work / self._slots, *(busy / self._sizes[pool] for pool, busy in held.items()))

    def _longest_chain_without(self, running: Container[int]) -> float:
        """The seconds of the longest chain that starts with an open job which does not run."""
        ranked = self._by_rank
        while self._first < len(ranked) and not self._is_open[ranked[self._first]]:
            self._first += 1
        for place in range(self._first, len(ranked)):
            job = ranked[place]
            if self._is_open[job] and job not in running:
                return self._jobs[job].rank
        return 0.0

    def _add(self, job: int, sign: int) -> None:
        seconds = sign * self._seconds[job]
        self._work += seconds
        for pool, amount in self._jobs[job].pools:
            self._held[pool] += amount * seconds
