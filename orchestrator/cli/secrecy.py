"""The secrets of a run, from their sources to where they are kept: before there is a run folder, or any job."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.cli.planning import tell_warnings
from orchestrator.cli.text import plural
from orchestrator.errors import RefusedError
from orchestrator.execute.masking import masked_plan
from orchestrator.execute.secrets import Secrets, resolve
from orchestrator.plan.model import Plan

if TYPE_CHECKING:
    from orchestrator.execute.supervision import Supervision


def keep_secrets(plan: Plan, supervision: Supervision) -> Secrets:
    """Find the values of the plan's secrets, unless that was done, and have them kept from now on.

    Raises RefusedError when a secret that is needed has no usable value.
    """
    if not plan.secrets or supervision.secrets:
        return supervision.secrets
    if any(job.spec.masked for job in plan.jobs):
        raise RefusedError(
            "a secret stood in the manifest and was taken out of the plan, so it cannot be run again",
            help="start anew with `pexec apply`",
            code="PX402",
        )
    from orchestrator.execute.capture import output_of

    secrets = resolve(
        plan.secrets, plan.base_dir, os.environb, lambda command: output_of(command, plan.base_dir, supervision)
    )
    supervision.keep(secrets)
    if secrets:
        tell_warnings((*secrets.warnings(), *_written_out(plan, secrets)))
    return secrets


def refuse_as_parameters(secrets: Secrets, invocation: Mapping[str, Any]) -> None:
    """Raises RefusedError if a parameter of the run has the value of a secret: parameters are in the journal."""
    for text in (*invocation.get("set", ()), *invocation.get("param_variables", {}).values()):
        name = secrets.quoted_in(text)
        if name is not None:
            raise RefusedError(
                f"a parameter has the value of the secret `{name}`, and parameters are written to the journal",
                help=f'a job that has `secrets: [{name}]` finds the value in `"${name}"`',
                code="PX402",
            )


def _written_out(plan: Plan, secrets: Secrets) -> list[tuple[str, str]]:
    jobs = [job.id for job in masked_plan(plan, secrets).jobs if job.spec.masked]
    if not jobs:
        return []
    more = f" and {plural(len(jobs) - 1, 'more job')}" if len(jobs) > 1 else ""
    message = f"the value of a secret stands in the manifest, in `{jobs[0]}`{more}"
    return [(message, "everybody on this machine can see it while the job runs; use the variable instead")]
