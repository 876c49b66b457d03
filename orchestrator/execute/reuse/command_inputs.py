"""What the variables among the inputs of a job are, and what the commands print: as the job itself would have it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Sequence

from orchestrator.execute.attempt.command import working_dir
from orchestrator.execute.attempt.environment import Environments, declared
from orchestrator.execute.secrets.secret_values import SourceError
from orchestrator.execute.supervisor.capture import Digest, run_program
from orchestrator.execute.supervisor.supervisor import Supervisor
from orchestrator.execute.warden.protocol import SERIAL_BITS
from orchestrator.plan.model import JobSpec

# The last serials of all: those of attempts count from 1, and two of the last have other uses.
_serials = itertools.count((1 << SERIAL_BITS) - 3, -1)


class CommandRefusedError(Exception):
    """A command that is an input cannot be run, or fails. The text is a sentence."""


def variable_inputs(spec: JobSpec, base_dir: str, environments: Environments) -> dict[str, str | None]:
    """The value of each variable that is an input; None if it is unset. What `env_inherit` names is one too, since the
    job sees it, unless all jobs inherit it. Secrets are not looked at: their names count."""
    names = [one.env for one in spec.inputs or () if one.env]
    base = environments.base(spec.env_inherit).variables
    if not isinstance(spec.env_inherit, str):
        names += map(os.fsdecode, base.keys() - environments.base("minimal").variables.keys())
    if not names:
        return {}
    values = {**base, **declared(spec, base_dir, base)}
    found = {name: values.get(os.fsencode(name)) for name in names if name not in spec.secrets}
    return {name: None if value is None else os.fsdecode(value) for name, value in found.items()}


class CommandRunner:
    """Runs commands in the directory and the environment of a job, without its secrets. For any thread."""

    def __init__(self, base_dir: str, supervisor: Supervisor) -> None:
        self._base_dir = base_dir
        self._supervisor = supervisor

    def __call__(self, command: Sequence[str], spec: JobSpec) -> str:
        """The SHA-256 of what it prints. Raises CommandRefusedError."""
        base = self._supervisor.environments.base(spec.env_inherit)
        try:
            with Digest() as digest:
                run_program(
                    command,
                    self._supervisor,
                    digest,
                    serial=next(_serials),
                    directory=working_dir(spec.working_dir, self._base_dir),
                    base=base,
                    overlay=declared(spec, self._base_dir, base.variables),
                )
        except SourceError as error:
            raise CommandRefusedError(f"the input {error}") from None
        return digest.hexdigest()
