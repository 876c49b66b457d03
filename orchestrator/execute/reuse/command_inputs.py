"""What the commands among a job's inputs print, and the variables among them: as the job itself would have them."""

from __future__ import annotations

import hashlib
import itertools
import os
from collections.abc import Sequence

from orchestrator.execute.attempt.command import working_dir
from orchestrator.execute.attempt.environment import declared
from orchestrator.execute.secrets.store import SourceError
from orchestrator.execute.supervisor.capture import printed_by
from orchestrator.execute.supervisor.supervisor import Supervisor
from orchestrator.execute.warden.protocol import SERIAL_BITS
from orchestrator.plan.model import JobSpec

# The last serials of all: those of attempts count from 1, and two of the last have other uses.
_serials = itertools.count((1 << SERIAL_BITS) - 3, -1)


def variable_inputs(spec: JobSpec, base_dir: str, supervisor: Supervisor) -> dict[str, str | None]:
    """The value of each variable that is an input; None if it is unset. Secrets are not looked at: their names
    count."""
    names = [one.env for one in spec.inputs or () if one.env]
    if not names:
        return {}
    base = supervisor.environments.base(spec.env_inherit).variables
    values = {**base, **declared(spec, base_dir, base)}
    found = {name: values.get(os.fsencode(name)) for name in names if name not in spec.secrets}
    return {name: None if value is None else os.fsdecode(value) for name, value in found.items()}


def command_inputs(spec: JobSpec, base_dir: str, supervisor: Supervisor) -> dict[tuple[str, ...], str]:
    """The SHA-256 of what each command prints. Raises SourceError for one that fails."""
    commands = [one.command for one in spec.inputs or () if one.command]
    return {command: _digest(command, spec, base_dir, supervisor) for command in dict.fromkeys(commands)}


def _digest(command: Sequence[str], spec: JobSpec, base_dir: str, supervisor: Supervisor) -> str:
    number, variables = supervisor.environments.base(spec.env_inherit)
    try:
        output = printed_by(
            command,
            supervisor,
            serial=next(_serials),
            directory=working_dir(spec.working_dir, base_dir),
            base=(number, variables),
            overlay=declared(spec, base_dir, variables),
        )
    except SourceError as error:
        raise SourceError(f"the input {error}", error.hint) from None
    return hashlib.sha256(output).hexdigest()
