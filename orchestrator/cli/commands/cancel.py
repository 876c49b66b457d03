"""`pexec cancel`: cancel a run, or some of its jobs, from another terminal."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.app.find_run import Look
from orchestrator.cli.json_text import json_text
from orchestrator.cli.main import Parser
from orchestrator.cli.run_arguments import RUN_HELP, add_format_and_root, chosen_run, hint_for_job
from orchestrator.console.streams import write_stderr, write_stdout
from orchestrator.console.text import count, visible
from orchestrator.errors import ExitCode, RefusedError, UsageError
from orchestrator.execute.control import request_cancel
from orchestrator.report.attempts import AttemptHistory

PATIENCE = 10.0  # seconds; a run that is starting or ending may take a while to answer
PAUSE = 0.02


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec cancel`."""
    parser.usage = f"{parser.prog} [JOB...] [flags]"
    parser.add_argument("jobs", metavar="JOB", nargs="*", help="the jobs to cancel (default: the whole run)")
    parser.add_argument("--run", metavar="RUN", help=RUN_HELP)
    add_format_and_root(parser, "text", "json")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0 once the run has accepted the request; 4 if no process drives it."""
    with chosen_run(arguments) as rundir:
        look = Look(rundir)
        wanted = _wanted(look, arguments.jobs)
        attempts = AttemptHistory(look.plan, ())
        look.feed(attempts.add)
        # The process of a run that has ended may still be writing its output.
        if attempts.finished or not look.driven:
            raise RefusedError(
                f"run `{rundir.run_id}` is not running", help="`pexec runs` lists all runs", code="PX404"
            )
        ended = {job: attempts.ended[job][0] for job in wanted if job in attempts.ended}
        wanted = {job: index for job, index in wanted.items() if job not in ended}
        _request(look, wanted)
    if arguments.format == "json":
        write_stdout(json_text({"run_id": rundir.run_id, "jobs": list(wanted) if arguments.jobs else None}))
        return ExitCode.OK
    for job, status in ended.items():
        write_stderr(f"pexec: `{job}` has already ended ({status.replace('_', ' ')})\n")
    if wanted:
        what = f"{count(len(wanted), 'job')} of run" if arguments.jobs else "run"
        it = "them" if len(wanted) > 1 else "it"
        write_stderr(f"pexec: requested cancellation of {what} `{rundir.run_id}`; repeat the command to kill {it}\n")
    return ExitCode.OK


def _wanted(look: Look, names: Iterable[str]) -> dict[str | None, int | None]:
    """Job -> its index, as the control pipe takes it; None for the whole run. A workflow means all its jobs."""
    wanted: dict[str | None, int | None] = {}
    for name in names:
        found = {job.id: job.index for job in look.plan.jobs if name in (job.id, job.workflow)}
        if not found:
            known = dict.fromkeys(known for job in look.plan.jobs for known in (job.workflow, job.id))
            raise UsageError(f"unknown job `{visible(name)}`", help=hint_for_job(look, name, known))
        wanted.update(found)
    return wanted or {None: None}


def _request(look: Look, wanted: Mapping[str | None, int | None]) -> None:
    """Send the request to the process that drives the run until the journal shows that it was accepted."""
    unsent, unconfirmed = dict(wanted), set(wanted)
    has_ended = False

    def confirm(event: Mapping[str, Any]) -> None:
        nonlocal has_ended
        has_ended |= event["event"] == "run.finished"
        if event["event"] == "cancel.requested" and event["reason"] == "user":
            unconfirmed.discard(event["job"])

    give_up_at = time.monotonic() + PATIENCE
    while unconfirmed:
        if has_ended or not look.driven:
            raise RefusedError(f"run `{look.run.run_id}` ended before it could be cancelled", code="PX404")
        if time.monotonic() > give_up_at:
            raise RefusedError(
                f"run `{look.run.run_id}` does not respond", help="its process may be suspended", code="PX404"
            )
        unsent = {job: index for job, index in unsent.items() if not request_cancel(look.run, index)}
        time.sleep(PAUSE)
        look.feed(confirm)
