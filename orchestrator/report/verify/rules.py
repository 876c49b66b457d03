"""The rules of a run that `pexec verify` checks."""

from __future__ import annotations

import enum

from msgspec import Struct


class Rule(enum.StrEnum):
    """The subject of a violation."""

    ORDER = "order"  # the first event, the order of times, events after the last one
    PLAN = "plan"  # the journal is of another plan, or names an unknown job
    ATTEMPT = "attempt"  # its number, one start and one end
    NEEDS = "needs"
    AFTER = "after"
    CAP = "cap"
    POOL = "pool"
    WORKER = "worker"
    BACKOFF = "back-off"
    RETRY = "retry"
    SKIP = "skip"
    CANCEL = "cancel"
    STOP = "stop"
    KILL = "kill"
    UP_TO_DATE = "up-to-date"  # a job that was not run because its result was there
    STATUS = "status"
    RESULT = "result"
    RESULTS_FILE = "results-file"
    LOG = "log"
    GROWTH = "growth"  # cells that are not the expansion of the recorded value
    CONDITION = "condition"  # an `if` that is decided during the run
    OUTPUTS = "outputs"  # values that a success lacks, or that a job uses although they do not exist


class Violation(Struct, frozen=True):
    """A broken rule; `line` is where it shows in the journal, from 1."""

    line: int
    rule: Rule
    message: str
