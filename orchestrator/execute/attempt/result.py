"""What the warden's reply means: one verdict, and one sentence for humans."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping

from msgspec.structs import replace

from orchestrator.engine.outcomes import STOPPED_ON_REQUEST
from orchestrator.engine.states import Verdict
from orchestrator.execute.attempt.spec import AttemptResult, AttemptSpec, CannotStartError
from orchestrator.execute.attempt.tempdirs import PlaceTakenError
from orchestrator.execute.warden import protocol
from orchestrator.plan.model import NO_LIMITS, Limits

NEVER_BEGAN = "pexec ended before it began"

_KIBIBYTE = 1024
# The exit codes of shells for a command that does not exist, or cannot be executed.
_NO_SUCH_COMMAND = 127
_NOT_EXECUTABLE = 126
_SHELLS_SIGNALLED = 128  # and the number of the signal

_PROBLEMS = {
    protocol.NOT_FOUND: (_NO_SUCH_COMMAND, "`{detail}` was not found"),
    protocol.NO_INTERPRETER: (_NO_SUCH_COMMAND, "its interpreter `{detail}` cannot be run"),
    protocol.NO_LOADER: (_NO_SUCH_COMMAND, "`{detail}` needs a dynamic loader that is not installed"),
    protocol.IS_DIRECTORY: (_NOT_EXECUTABLE, "`{detail}` is a directory"),
    protocol.NOT_EXECUTABLE: (_NOT_EXECUTABLE, "`{detail}` is not executable"),
    protocol.BAD_FORMAT: (_NOT_EXECUTABLE, "`{detail}` is not a program and has no `#!` line"),
    protocol.TOO_LONG: (_NOT_EXECUTABLE, "arguments and environment exceed the system's limit"),
    protocol.BAD_TEXT: (_NOT_EXECUTABLE, "the command cannot be started: {detail}"),
    protocol.NO_WORKING_DIR: (_NOT_EXECUTABLE, "the working directory `{detail}` cannot be entered: {error}"),
    protocol.NO_ISOLATION: (_NOT_EXECUTABLE, "it cannot be isolated: {detail}"),
    protocol.NO_CGROUP: (_NOT_EXECUTABLE, "no control group can be made for its limits: {error}"),
    protocol.OTHER: (_NOT_EXECUTABLE, "`{detail}` cannot be started: {error}"),
}


def of_reply(reply: protocol.Reply, spec: AttemptSpec) -> AttemptResult:
    """The result of an attempt from the warden's last reply about it, which is never Scarce."""
    if isinstance(reply, protocol.Finished):
        return _finished(reply, spec)
    if isinstance(reply, protocol.Refused):
        return _refused(reply)
    return AttemptResult(Verdict.KILLED, "stopped before it started")


def lost(reason: str) -> AttemptResult:
    """The infrastructure broke; nothing is known of the job."""
    return AttemptResult(Verdict.LOST, reason)


WHOLE_WALLTIME = 0.9
"""The part of a worker's walltime that is as good as all of it: it needs some to start, and to end in good order."""


def evicted(host: str, result: AttemptResult | None = None, walltime: float | None = None) -> AttemptResult:
    """The worker on this host was told to end, and the attempt, which may have had this result, with it.

    That counts for nothing, unless the attempt had a whole `walltime` for itself: no other worker gives it more.
    """
    reason = f"evicted: the worker on {host} was told to end"
    if result is None:
        return AttemptResult(Verdict.LOST, reason, evicted=True)
    had_all = walltime is not None and result.duration_seconds >= WHOLE_WALLTIME * walltime
    if had_all:
        reason = f"evicted: it had the whole walltime of the worker on {host}"
    return replace(result, verdict=Verdict.LOST, reason=reason, evicted=not had_all, outputs={})


def cannot_start(reason: str) -> AttemptResult:
    """The attempt cannot be started as its job requests, which is a failure of the job."""
    return AttemptResult(Verdict.FAILED, reason, _NOT_EXECUTABLE)


def without_log(name: str, number: int) -> AttemptResult:
    """The log cannot be made, with this errno: something else may be in its place."""
    return lost(f"the log `{name}` cannot be written: {os.strerror(number).lower()}")


def broken(error: Exception) -> AttemptResult:
    """Something of pexec's own broke, for this attempt; or its job asks for what cannot be."""
    if isinstance(error, CannotStartError):
        return cannot_start(str(error))
    if isinstance(error, PlaceTakenError):
        return lost(str(error))
    if isinstance(error, OSError) and error.errno is not None:
        name = f"`{error.filename}`: " if error.filename is not None else ""
        return lost(f"{name}{os.strerror(error.errno).lower()}")
    return lost(f"{type(error).__name__}: {error}")


def _finished(reply: protocol.Finished, spec: AttemptSpec) -> AttemptResult:
    exit_code, signal_name = (0, None) if reply.status == 0 else _ending(reply.status)
    verdict, reason = Verdict.SUCCEEDED, ""
    if exit_code != 0 or reply.cause != protocol.BY_ITSELF:
        verdict, reason = _verdict(reply.cause, exit_code, signal_name, spec)
    result = AttemptResult(
        verdict,
        reason,
        exit_code=exit_code,
        signal=signal_name,
        pid=reply.pid,
        duration_seconds=reply.duration,
        cpu_seconds=reply.cpu_seconds,
        max_rss_bytes=reply.max_rss_kib * _KIBIBYTE,
        log_bytes=reply.log_bytes,
        leftover_killed=reply.killed_descendants,
    )
    limits = spec.spec.limits
    if limits != NO_LIMITS:
        if verdict is Verdict.FAILED:
            reason = _with_limits(result, reply.cause, limits)
        result = replace(result, reason=reason)
    if reply.has_survivors:
        reason = "; ".join(filter(None, (reason, "some of its processes cannot be killed")))
        result = replace(result, reason=reason)
    return result


def _ending(status: int | None) -> tuple[int | None, str | None]:
    """Exit code and signal name of a wait status; one of them is None, both if the process never ended."""
    if status is None:
        return None, None
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return code, None
    try:
        return None, signal.Signals(-code).name
    except ValueError:  # a real-time signal between the named ones
        return None, f"SIG{-code}"


def _verdict(cause: int, exit_code: int | None, signal_name: str | None, spec: AttemptSpec) -> tuple[Verdict, str]:
    if cause == protocol.BY_TIMEOUT:
        from orchestrator.manifest.scalars import format_duration

        return Verdict.TIMED_OUT, f"ran longer than {format_duration(spec.timeout or 0.0)}"
    if cause == protocol.BY_REQUEST:
        return Verdict.KILLED, STOPPED_ON_REQUEST
    if signal_name is not None:
        return Verdict.FAILED, f"killed by {signal_name}"
    if exit_code == 0 and cause != protocol.BY_MEMORY:
        return Verdict.SUCCEEDED, ""
    return Verdict.FAILED, f"exit code {exit_code}"


def _with_limits(result: AttemptResult, cause: int, limits: Limits) -> str:
    """Why an attempt failed that has limits; its own reason where no limit can have been it."""
    from orchestrator.manifest.scalars import format_duration, format_size

    if cause == protocol.BY_MEMORY:
        return f"used more than its memory limit of {format_size(limits.memory or 0)}"
    if cause == protocol.BY_CPU_TIME or (limits.cpu_time is not None and _died_of(result, signal.SIGXCPU)):
        return f"used up its CPU time limit of {format_duration(limits.cpu_time or 0.0)}"
    if limits.file_size is not None and _died_of(result, signal.SIGXFSZ):
        return f"wrote a file larger than its limit of {format_size(limits.file_size)}"
    # The kernel only refuses a process more memory; how the process reacts is up to it.
    return (
        result.reason
        if limits.memory is None
        else f"{result.reason}, under a memory limit of {format_size(limits.memory)}"
    )


def _died_of(result: AttemptResult, number: signal.Signals) -> bool:
    """Whether this signal ended the main process, or one whose end a shell reports by its exit code."""
    return result.signal == number.name or result.exit_code == _SHELLS_SIGNALLED + number


def _refused(reply: protocol.Refused) -> AttemptResult:
    name = os.fsdecode(reply.detail)
    error = os.strerror(reply.errno).lower()
    if reply.problem == protocol.NO_LOG:
        return without_log(name, reply.errno)
    exit_code, text = _PROBLEMS[reply.problem]
    return AttemptResult(Verdict.FAILED, text.format(detail=name, error=error), exit_code)


def with_enforcers(result: AttemptResult, enforcers: Mapping[str, str]) -> AttemptResult:
    """The result with who enforced what, if there was something to do it to."""
    return result if result.pid is None else replace(result, enforced_by=enforcers)


def with_output(
    result: AttemptResult, log_bytes: int, dropped_bytes: int, write_error: OSError | None
) -> AttemptResult:
    """The result with what became of output that passed through pexec."""
    reason = result.reason
    if write_error is not None:
        reason = "; ".join(
            filter(None, (reason, f"the log is incomplete: {os.strerror(write_error.errno or 0).lower()}"))
        )
    return replace(result, reason=reason, log_bytes=log_bytes, dropped_bytes=dropped_bytes)
