"""What a verified run can have done wrong."""

from __future__ import annotations

import enum

from msgspec import Struct


class Rule(enum.StrEnum):
    """What a violation is about."""

    ORDER = "order"  # the journal's first event, its seconds, what follows its last event
    PLAN = "plan"  # it is not of this plan, or tells of no job in it
    ATTEMPT = "attempt"  # its number, its one start and one end
    NEEDS = "needs"
    AFTER = "after"
    CAP = "cap"
    POOL = "pool"
    BACK_OFF = "back-off"
    RETRY = "retry"
    SKIP = "skip"
    CANCEL = "cancel"
    STOP = "stop"
    KILL = "kill"
    STATUS = "status"
    RESULT = "result"
    RESULTS_FILE = "results-file"
    LOG = "log"


class Violation(Struct, frozen=True):
    """A rule that was not kept; `line` is where it shows in the journal, from 1."""

    line: int
    rule: Rule
    message: str
