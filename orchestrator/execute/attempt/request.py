"""From an attempt's spec to the request that goes to the warden."""

from __future__ import annotations

import os
from signal import Signals
from typing import get_args

from orchestrator.execute.attempt.command import ENCODING, command, working_dir
from orchestrator.execute.attempt.environment import overlay
from orchestrator.execute.attempt.spec import OUTPUT_FILE, AttemptSpec
from orchestrator.execute.attempt.without_shell import plain_words
from orchestrator.execute.supervisor.supervisor import Supervisor
from orchestrator.execute.warden.protocol import StartRequest
from orchestrator.plan.model import NO_LIMITS, Isolation, StopSignal

_SCRIPT = "script"
_SIGNALS = {name: Signals[f"SIG{name}"].value for name in get_args(StopSignal)}


def kept_name(spec: AttemptSpec) -> str:
    """The name of a private directory that stays."""
    return os.path.splitext(os.path.basename(spec.log))[0]


def request_for(spec: AttemptSpec, temp_dir: str, supervisor: Supervisor) -> StartRequest:
    """The request to start the attempt, with all variables of its base environment.

    Its log is a name in the directory that was opened before any job could replace it, or a path.

    A script that is too long for an argument is written into the private directory, and so is the empty file for output
    values. Raises CannotStartError.
    """
    job = spec.spec
    argv, text = command(job, spec.base_dir, f"{temp_dir}/{_SCRIPT}")
    if text is not None:
        supervisor.temp_dirs.write(temp_dir, _SCRIPT, text)
    if job.outputs:
        supervisor.temp_dirs.write(temp_dir, OUTPUT_FILE, b"")
    log = spec.log if supervisor.warden.logs is None else spec.log.rpartition("/")[2]
    base, variables = supervisor.environments.base(job.env_inherit)
    request = StartRequest(
        spec.serial,
        argv,
        working_dir(job.working_dir, spec.base_dir),
        base,
        variables,
        overlay(spec, temp_dir, variables, supervisor.secrets.environment(job.secrets) if job.secrets else {}),
        log.encode(ENCODING, "surrogateescape"),
        spec.timeout,
        spec.grace,
        None if job.limits == NO_LIMITS else supervisor.enforcement.request_of(job),
        () if job.run is None else plain_words(job.run, job.shell),
        stop_signal=_SIGNALS[job.stop_signal],
    )
    if job.isolation is Isolation.NONE:
        return request
    return supervisor.isolations.with_sandbox(request, spec, temp_dir)
