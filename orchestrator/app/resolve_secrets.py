"""The secrets of a run, from their sources to where they are kept: before there is a run folder, or any job."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.app.planning import print_warnings
from orchestrator.console.streams import hide_from_streams
from orchestrator.console.text import count
from orchestrator.errors import RefusedError
from orchestrator.execute.secrets.masking import masked_plan
from orchestrator.execute.secrets.store import Secrets, resolve
from orchestrator.plan.export import plan_to_dict
from orchestrator.plan.model import Plan

if TYPE_CHECKING:
    from orchestrator.execute.supervisor.supervisor import Supervisor


def keep_secrets(plan: Plan, supervisor: Supervisor) -> Secrets:
    """Find the values of the plan's secrets, unless that was done, and have them kept from now on.

    Raises RefusedError when a secret that is needed has no usable value.
    """
    if not plan.secrets or supervisor.secrets:
        return supervisor.secrets
    if any(job.spec.masked for job in plan.jobs):
        raise RefusedError(
            "a secret stood in the manifest and was taken out of the plan, so it cannot be run again",
            help="start anew with `pexec apply`",
            code="PX402",
        )
    from orchestrator.execute.supervisor.capture import output_of

    secrets = resolve(
        plan.secrets, plan.base_dir, os.environb, lambda command: output_of(command, plan.base_dir, supervisor)
    )
    supervisor.keep(secrets)
    if secrets:
        hide_from_streams(secrets.masked)
        print_warnings((*secrets.warnings(), *_written_out(plan, secrets)))
    return secrets


def refuse_in_records(plan: Plan, secrets: Secrets, invocation: Mapping[str, Any]) -> None:
    """Raises RefusedError if a parameter of the run, or a name, has the value of a secret: these are in the journal."""
    if not secrets:
        return
    for text in (*invocation.get("set", ()), *invocation.get("param_variables", {}).values()):
        name = secrets.quoted_in(text)
        if name is not None:
            raise RefusedError(
                f"a parameter has the value of the secret `{name}`, and parameters are written to the journal",
                help=f'a job that has `secrets: [{name}]` finds the value in `"${name}"`',
                code="PX402",
            )
    _refuse_in_names(masked_plan(plan, secrets), secrets)


def _refuse_in_names(masked: Plan, secrets: Secrets) -> None:
    """Texts of jobs are masked in what is written. What else quotes a secret, such as a name, stands in every file."""
    import json

    text = json.dumps([masked.manifest, plan_to_dict(masked)], ensure_ascii=False)
    name = secrets.found_in(text)
    if name is not None:
        raise RefusedError(
            f"the value of the secret `{name}` stands in the manifest where it cannot be masked, such as in a name",
            help="take it out of there: names, tags and folders are written to every file of a run",
            code="PX402",
        )


def _written_out(plan: Plan, secrets: Secrets) -> list[tuple[str, str]]:
    jobs = [job.id for job in masked_plan(plan, secrets).jobs if job.spec.masked]
    if not jobs:
        return []
    more = f" and {count(len(jobs) - 1, 'more job')}" if len(jobs) > 1 else ""
    message = f"the value of a secret stands in the manifest, in `{jobs[0]}`{more}"
    return [(message, "everybody on this machine can see it while the job runs; use the variable instead")]
