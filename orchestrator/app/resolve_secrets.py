"""The secrets of a run: resolved before the run directory exists and before any job starts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from orchestrator.app.planning import print_warnings
from orchestrator.console.streams import hide_from_streams
from orchestrator.console.text import count
from orchestrator.errors import RefusedError
from orchestrator.execute.secrets.masking import masked_plan, texts_left_as_they_are
from orchestrator.execute.secrets.secret_values import Secrets, resolve
from orchestrator.plan.model import Plan

if TYPE_CHECKING:
    from orchestrator.execute.supervisor.supervisor import Supervisor


def keep_secrets(plan: Plan, supervisor: Supervisor) -> Secrets:
    """Resolve the values of the plan's secrets, unless that was done, and mask them in all output from now on.

    Raises RefusedError if a secret that a job uses has no usable value.
    """
    if not plan.secrets or supervisor.secrets:
        return supervisor.secrets
    if any(job.spec.masked for job in plan.jobs):
        raise RefusedError(
            "the manifest contained the value of a secret, which is not stored with the run, so it cannot be resumed",
            help="start a new run with `pexec apply`",
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


def refuse_in_records(masked: Plan, secrets: Secrets, invocation: Mapping[str, Any]) -> None:
    """Raises RefusedError if a parameter or an argument of the run, or a name in its masked plan, has the value of a
    secret: these are written to the files of a run as they are."""
    if not secrets:
        return
    params = (
        *invocation.get("set", ()),
        *invocation.get("param_variables", {}).values(),
        *invocation.get("computed", {}).values(),
    )
    for what, texts in (("a parameter", params), ("an argument", invocation.get("args", ()))):
        for text in texts:
            name = secrets.quoted_in(text)
            if name is not None:
                raise RefusedError(
                    f"{what} has the value of the secret `{name}`, and {what.split()[1]}s are written to the journal",
                    help=f'give the job `secrets: [{name}]` and use the variable `"${name}"`',
                    code="PX402",
                )
    _refuse_in_names(masked, secrets)


def _refuse_in_names(masked: Plan, secrets: Secrets) -> None:
    """Commands and descriptions are masked in files; what else contains a secret, such as a name, cannot be."""
    # No secret contains a zero byte: none is found that begins in one text and ends in another.
    name = secrets.found_in("\0".join(texts_left_as_they_are(masked)))
    if name is not None:
        raise RefusedError(
            f"the manifest contains the value of the secret `{name}` where it cannot be masked, such as in a name",
            help="remove it: names, tags and directories are written to every file of a run",
            code="PX402",
        )


def _written_out(plan: Plan, secrets: Secrets) -> list[tuple[str, str]]:
    jobs = [job.id for job in masked_plan(plan, secrets).jobs if job.spec.masked]
    if not jobs:
        return []
    more = f" and {count(len(jobs) - 1, 'more job')}" if len(jobs) > 1 else ""
    message = f"the manifest contains the value of a secret, in `{jobs[0]}`{more}"
    return [(message, "every user of this machine can see it while the job runs; use the variable instead")]
