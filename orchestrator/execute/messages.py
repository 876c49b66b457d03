"""What the driver is sent, from any thread, through its inbox."""

from __future__ import annotations

import signal
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec
from orchestrator.execute.job_cache import Checked, Collected

MORE_ROOM = "stop other programs, or raise the limits (`ulimit -a`, control groups), then `pexec resume`"


class Spawned(Struct, frozen=True):
    """The attempt's process exists."""

    spec: AttemptSpec
    pid: int
    start_ticks: int

    @property
    def fields(self) -> dict[str, Any]:
        """What the journal holds of it."""
        spec, place = self.spec, self.spec.place
        return {
            "job": spec.job_id,
            "attempt": spec.attempt,
            "pid": self.pid,
            "start_ticks": self.start_ticks,
            "host": place.host,
            "worker": place.worker,
        }


class Ended(Struct, frozen=True):
    """The attempt is over."""

    spec: AttemptSpec
    result: AttemptResult


class SignalReceived(Struct, frozen=True):
    """pexec received a signal."""

    number: signal.Signals


class CancelReceived(Struct, frozen=True):
    """`pexec cancel` requests that this job, or with None the whole run, stop."""

    job: int | None


class ShortageNoticed(Struct, frozen=True):
    """Something that jobs take is used up: fewer run at once than may."""

    why: str


class NothingStarts(Struct, frozen=True):
    """Not even one attempt can be started, and none is under way whose end could make room. `help` and `code` are those
    of the error."""

    why: str
    help: str = MORE_ROOM
    code: str = "PX301"


class Noted(Struct, frozen=True):
    """Record an event that moves no job, or None, then call `then`, in the driver's thread."""

    event: str | None
    fields: dict[str, Any]
    then: Callable[[], None]


Message = (
    Spawned | Ended | Checked | Collected | SignalReceived | CancelReceived | ShortageNoticed | NothingStarts | Noted
)
