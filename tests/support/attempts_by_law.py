"""What the laws know of attempts: how their ends are called, and when a running one is due to be ended."""

from __future__ import annotations

from dataclasses import dataclass, field

from orchestrator.engine.states import JobState, Verdict
from orchestrator.plan.model import RetryPolicy

S = JobState
BAD = {S.FAILED, S.TIMED_OUT, S.LOST}
STATUS = {
    Verdict.SUCCEEDED: S.SUCCEEDED,
    Verdict.FAILED: S.FAILED,
    Verdict.TIMED_OUT: S.TIMED_OUT,
    Verdict.KILLED: S.CANCELLED,
    Verdict.LOST: S.LOST,
}
LOST_BUDGET = 2


@dataclass
class Attempt:
    """A running attempt and when it was, or is to be, requested to end."""

    number: int
    asked: list[float] = field(default_factory=list)
    forced: list[float] = field(default_factory=list)
    term_sent: list[float] = field(default_factory=list)
    kill_sent: list[float] = field(default_factory=list)

    @property
    def is_ending(self) -> bool:
        return bool(self.asked or self.forced or self.term_sent or self.kill_sent)

    def step(self, grace: float, last_grace: float) -> tuple[float, str] | None:
        """The next step and the second from which it is due."""
        if self.kill_sent:
            return min(self.kill_sent) + last_grace, "give up"
        kills = self.forced + [at + grace for at in self.term_sent]
        if kills:
            return min(kills), "kill"
        return (min(self.asked), "term") if self.asked else None


def judge_wait(policy: RetryPolicy, ends: int, wait: float) -> None:
    """Whether the delay after this number of bad ends is one that the policy allows."""
    least = min(policy.delay * policy.backoff ** (ends - 1), policy.max_delay / (1 + policy.jitter))
    assert least - 1e-6 <= wait <= least * (1 + policy.jitter) + 1e-6, "backoff waited out"
    assert wait <= policy.max_delay + 1e-6, "backoff is capped"
