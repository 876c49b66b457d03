"""The exit code of `pexec apply` and `pexec resume`: what the run and a signal make of it."""

from __future__ import annotations

import signal

from orchestrator.engine.outcomes import RunResult
from orchestrator.engine.scheduler import Scheduler
from orchestrator.engine.states import CancelReason
from orchestrator.errors import ExitCode


def exit_code(scheduler: Scheduler, stop_signal: signal.Signals | None) -> int:
    """The exit code for a run that ended as `scheduler` says, perhaps stopped by a signal."""
    if stop_signal is not None:
        return 128 + stop_signal
    stop = scheduler.stop
    if stop is not None and stop.reason is CancelReason.DEADLINE:
        return ExitCode.DEADLINE
    return ExitCode.OK if scheduler.result is RunResult.SUCCESS else ExitCode.JOB_FAILED
