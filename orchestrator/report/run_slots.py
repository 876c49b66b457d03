"""How many jobs could run at once: a resume may be given another number, or run elsewhere."""

from __future__ import annotations

from orchestrator.journal.events import EventRecord
from orchestrator.plan.model import Policy
from orchestrator.plan.policy_parts import MOST_SLOTS, has_known_slots


class RunSlots:
    """Add the events of a run in order. `number` is how many there are since the run was begun or resumed last;
    `were_unknown` whether workers of a cluster of unknown size came, whose slots were the limit."""

    def __init__(self, policy: Policy) -> None:
        self._cluster = policy.cluster
        self.number = policy.max_parallel_jobs
        self.were_unknown = False
        self._before = 0.0  # slots times seconds, until `_since`
        self._since = 0.0

    def add(self, event: EventRecord) -> None:
        """Add one record of the journal."""
        match event["event"]:
            case "run.started" | "run.resumed":
                self._before, self._since = self.seconds(event["at"]), event["at"]
                self.number = event.get("max_parallel_jobs", self.number)
            case "worker.joined":
                at_home = self._cluster is None and self.number == MOST_SLOTS
                if at_home or not has_known_slots(self._cluster, self.number):
                    self.were_unknown = True

    def seconds(self, at: float) -> float:
        """The sum of their time until this second of the run."""
        return self._before + (at - self._since) * self.number
