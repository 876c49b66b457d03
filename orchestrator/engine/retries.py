"""Whether a job is retried, and when. Delays are numbers; their jitter is a hash, so that a replay reproduces it."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from zlib import crc32

from orchestrator.engine.facts import AttemptFinished
from orchestrator.engine.states import Verdict
from orchestrator.plan.model import PlannedJob, RetryPolicy

FREE_EVICTIONS = 10  # lost attempts that count for nothing, since the host was taken away and nothing broke
EXTRA_AFTER_LOST = 2  # attempts beyond those of the retry policy, because the infrastructure broke and not the job


def wait_seconds(policy: RetryPolicy, job_id: str, ends: int) -> float:
    """Seconds to wait after the `ends`-th bad end (from 1): `delay * backoff**(ends-1)`, at most `max_delay`.

    Jitter lengthens a delay by up to its share. Near `max_delay` it shortens it instead, so that the cap holds and
    jobs that failed together are still not retried together.
    """
    if policy.delay <= 0:
        return 0.0
    try:
        wait = policy.delay * policy.backoff ** (ends - 1)
    except OverflowError:
        wait = policy.max_delay
    wait = min(wait, policy.max_delay / (1 + policy.jitter))
    share = crc32(f"{job_id} {ends}".encode()) / 2**32
    return wait * (1 + policy.jitter * share)


class Retries:
    """The retries used up by each job, and a heap of the jobs that wait for their next attempt."""

    __slots__ = ("_evicted", "_failed", "_lost", "not_before", "waits")

    def __init__(self) -> None:
        self._failed: dict[int, int] = {}
        self._lost: dict[int, int] = {}
        self._evicted: dict[int, int] = {}
        self.waits: list[tuple[float, int]] = []
        self.not_before: dict[int, float] = {}

    def would_be_granted(self, job: PlannedJob, fact: AttemptFinished) -> bool:
        """Whether another attempt follows this bad end, which is not counted yet."""
        if fact.verdict is Verdict.LOST:
            return self._is_free(job.index, fact) or self._lost.get(job.index, 0) < EXTRA_AFTER_LOST
        return _is_retried(job.retry, fact) and self._failed.get(job.index, 0) + 1 < job.retry.max_attempts

    def schedule(self, job: PlannedJob, fact: AttemptFinished) -> float | None:
        """Count this bad end. The earliest second of the next attempt, or None if there will be none."""
        granted = self.would_be_granted(job, fact)
        used = self._lost if fact.verdict is Verdict.LOST else self._failed
        if self._is_free(job.index, fact):
            used = self._evicted
        used[job.index] = used.get(job.index, 0) + 1
        if not granted:
            return None
        ends = max(1, self._failed.get(job.index, 0) + self._lost.get(job.index, 0))
        not_before = fact.at + wait_seconds(job.retry, job.id, ends)
        self.not_before[job.index] = not_before
        heapq.heappush(self.waits, (not_before, job.index))
        return not_before

    def _is_free(self, job: int, fact: AttemptFinished) -> bool:
        return fact.evicted and self._evicted.get(job, 0) < FREE_EVICTIONS

    def forget(self, job: int) -> None:
        """The job no longer waits: it starts, or never will."""
        self.not_before.pop(job, None)

    def take_due(self, now: float) -> list[int]:
        """The jobs whose delay is over; each is returned once."""
        due = []
        while self.waits and self.waits[0][0] <= now:
            not_before, job = heapq.heappop(self.waits)
            if self.not_before.get(job) == not_before:
                due.append(job)
        return due

    def is_due_at(self, now: float) -> Callable[[int], bool]:
        """Whether a job that waits for its next attempt may start at this second."""
        return lambda job: self.not_before[job] <= now

    def next_due(self) -> float | None:
        """The second at which the next delay is over."""
        while self.waits and self.not_before.get(self.waits[0][1]) != self.waits[0][0]:
            heapq.heappop(self.waits)
        return self.waits[0][0] if self.waits else None

    def holds(self, job: int) -> bool:
        """Whether `take_due` has yet to return this waiting job."""
        return (self.not_before.get(job), job) in self.waits

    def snapshot(self) -> tuple[object, ...]:
        """Everything that a replay must reproduce."""
        return tuple(tuple(sorted(d.items())) for d in (self._failed, self._lost, self._evicted, self.not_before))


def _is_retried(policy: RetryPolicy, fact: AttemptFinished) -> bool:
    if fact.verdict is Verdict.TIMED_OUT:
        return policy.on_timed_out
    return policy.on_failed or fact.exit_code in policy.on_exit
