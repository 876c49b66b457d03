"""Run one attempt, in a thread that waits for it: the function that executors run. `direct` needs no thread."""

from __future__ import annotations

import os
from collections.abc import Callable

from orchestrator.execute.attempt import command
from orchestrator.execute.attempt.environment import overlay
from orchestrator.execute.attempt.output import Pump
from orchestrator.execute.attempt.result import broken, lost, of_reply, with_enforcers, with_output, without_log
from orchestrator.execute.attempt.runbooks import with_place
from orchestrator.execute.attempt.spec import AttemptLostError, AttemptResult, AttemptSpec
from orchestrator.execute.attempt.tempdirs import TempFolder
from orchestrator.execute.sandbox.limits import needs_pipe
from orchestrator.execute.supervisor.channel import Request
from orchestrator.execute.supervisor.supervisor import Supervision
from orchestrator.execute.warden.protocol import Reply
from orchestrator.plan.model import NO_LIMITS, Isolation

OnSpawned = Callable[[AttemptSpec, int, int], None]
OnOutput = Callable[[AttemptSpec, bytes], None]

_SCRIPT = "script"


def run_attempt(
    spec: AttemptSpec, supervision: Supervision, on_spawned: OnSpawned, on_output: OnOutput
) -> AttemptResult:
    """Run the attempt to its end and say how it ended. Blocks; both callbacks are called in this thread.

    `on_spawned(spec, pid, start_ticks)` is called once if a process was started, a moment later than it was;
    `on_output(spec, chunk)` with all output, if `spec.pump`. If there are secrets, all output passes through pexec.
    """
    try:
        folder = take_folder(spec, supervision)
        try:
            return _run(spec, folder.path, supervision, on_spawned, on_output)
        finally:
            supervision.temp_folders.give_back(folder)
    except AttemptLostError as error:
        return lost(str(error))
    except Exception as error:
        # One of the two places with a broad except: whatever breaks here is one lost attempt, never the run.
        return broken(error)


def needs_thread(spec: AttemptSpec, supervision: Supervision) -> bool:
    """Whether the attempt's output passes through pexec, which takes somebody who waits for it."""
    return spec.pump or bool(supervision.secrets) or needs_pipe(spec.spec.limits)


def take_folder(spec: AttemptSpec, supervision: Supervision) -> TempFolder:
    """The attempt's private folder, to be given back when it is over."""
    name = os.path.splitext(os.path.basename(spec.log))[0] if spec.keep_temp else None
    return supervision.temp_folders.take(spec.temp_dir, keep_as=name)


def request_for(spec: AttemptSpec, temp_dir: str, supervision: Supervision) -> Request:
    """What the warden is asked. A script that is too long for an argument is written into the private folder.

    Raises CannotStartError."""
    argv, text = command.command(spec.spec, spec.base_dir, os.path.join(temp_dir, _SCRIPT))
    if text is not None:
        supervision.temp_folders.write(temp_dir, _SCRIPT, text)
    request = Request(
        spec.serial,
        argv,
        command.working_dir(spec.spec, spec.base_dir),
        supervision.environments.base(spec.spec.env_inherit),
        overlay(spec, temp_dir, supervision.secrets.environment(spec.spec.secrets)),
        os.fsencode(_log_of(spec, supervision)),
        spec.timeout,
        spec.grace,
        None if spec.spec.limits is NO_LIMITS else supervision.enforcement.request_of(spec.spec),
        command.words(spec.spec),
    )
    if spec.spec.isolation is Isolation.NONE:
        return request
    return supervision.isolations.with_sandbox(request, spec, temp_dir)


def result_of(reply: Reply, spec: AttemptSpec, temp_dir: str, supervision: Supervision) -> AttemptResult:
    """What the warden's last word says of the attempt."""
    result = with_place(of_reply(reply, spec), spec.spec, temp_dir)
    if spec.spec.limits is NO_LIMITS and spec.spec.isolation is Isolation.NONE:
        return result
    return with_enforcers(result, supervision.enforcers(spec.spec))


def _run(
    spec: AttemptSpec, temp_dir: str, supervision: Supervision, on_spawned: OnSpawned, on_output: OnOutput
) -> AttemptResult:
    request = request_for(spec, temp_dir, supervision)

    def spawned(pid: int, start_ticks: int) -> None:
        on_spawned(spec, pid, start_ticks)

    if not needs_thread(spec, supervision):
        # It waits here for room that the line did not find. A pump would take descriptors just when there are few.
        return result_of(supervision.run(request, spawned), spec, temp_dir, supervision)
    cap, redactor, log = spec.spec.limits.log, supervision.secrets.redactor(), _log_of(spec, supervision)
    try:
        pump = supervision.when_there_is_room(
            lambda: Pump(log, lambda chunk: on_output(spec, chunk), redactor, cap=cap, folder=supervision.logs)
        )
    except OSError as error:
        return without_log(log, error.errno or 0)
    with pump:
        reply = supervision.run(request, spawned, pump)
    result = result_of(reply, spec, temp_dir, supervision)
    return with_output(result, pump.log.written, pump.log.dropped, pump.log.fault)


def _log_of(spec: AttemptSpec, supervision: Supervision) -> str:
    """The name of the log in the folder that was opened before any job could put another in its place, or its path."""
    return spec.log if supervision.logs is None else os.path.basename(spec.log)
