"""Run one attempt: the one function that executors run. It never raises for reasons of the job."""

from __future__ import annotations

import os
from collections.abc import Callable

from orchestrator.execute import tempfolders, verdicts, wrap
from orchestrator.execute.attempt import AttemptResult, AttemptSpec
from orchestrator.execute.channel import Request
from orchestrator.execute.environ import overlay
from orchestrator.execute.limits import needs_pipe, request_of
from orchestrator.execute.output import Pump
from orchestrator.execute.runbooks import with_place
from orchestrator.execute.supervision import AttemptLostError, Supervision

OnSpawned = Callable[[AttemptSpec, int, int], None]
OnOutput = Callable[[AttemptSpec, bytes], None]

_SCRIPT_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def run_attempt(
    spec: AttemptSpec, supervision: Supervision, on_spawned: OnSpawned, on_output: OnOutput
) -> AttemptResult:
    """Run the attempt to its end and say how it ended. Blocks; both callbacks are called in this thread.

    `on_spawned(spec, pid, start_ticks)` is called once if a process was started, a moment later than it was;
    `on_output(spec, chunk)` with all output, if `spec.pump`. If there are secrets, all output passes through pexec.
    """
    try:
        if spec.keep_temp:
            name = os.path.splitext(os.path.basename(spec.log))[0]
            temp_dir = tempfolders.make(spec.temp_dir, name)
            return _run(spec, temp_dir, supervision, on_spawned, on_output)
        folder = supervision.temp_folders.take(spec.temp_dir)
        try:
            return _run(spec, folder.path, supervision, on_spawned, on_output)
        finally:
            supervision.temp_folders.give_back(folder)
    except AttemptLostError as error:
        return verdicts.lost(str(error))
    except Exception as error:
        # One of the two places with a broad except: whatever breaks here is one lost attempt, never the run.
        return verdicts.lost(f"{type(error).__name__}: {error}")


def _run(
    spec: AttemptSpec, temp_dir: str, supervision: Supervision, on_spawned: OnSpawned, on_output: OnOutput
) -> AttemptResult:
    secrets = supervision.secrets
    script = os.path.join(temp_dir, "script")
    argv, text = wrap.command(spec.spec, spec.base_dir, script)
    if text is not None:
        with open(os.open(script, _SCRIPT_FLAGS, 0o600), "wb") as file:
            file.write(text)
    request = Request(
        spec.serial,
        argv,
        wrap.working_dir(spec.spec, spec.base_dir),
        supervision.environments.base(spec.spec.env_inherit),
        overlay(spec, temp_dir, secrets.environment(spec.spec.secrets)),
        os.fsencode(spec.log),
        spec.timeout,
        spec.grace,
        request_of(spec.spec.limits),
    )

    def spawned(pid: int, start_ticks: int) -> None:
        on_spawned(spec, pid, start_ticks)

    redactor = secrets.redactor()
    limits = spec.spec.limits
    if not spec.pump and redactor is None and not needs_pipe(limits):
        return with_place(verdicts.of_reply(supervision.run(request, spawned), spec), spec.spec, temp_dir)
    with supervision.when_there_is_room(
        lambda: Pump(spec.log, lambda chunk: on_output(spec, chunk), redactor, cap=limits.log)
    ) as pump:
        result = verdicts.of_reply(supervision.run(request, spawned, pump), spec)
    result = with_place(result, spec.spec, temp_dir)
    return verdicts.with_output(result, pump.log.written, pump.log.dropped, pump.log.fault)
