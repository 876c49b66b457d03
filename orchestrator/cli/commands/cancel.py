"""`pexec cancel`: cancel a run, or some of its jobs, from another terminal."""

from __future__ import annotations

import argparse
from collections.abc import Iterable

from orchestrator.app.cancellation import cancel
from orchestrator.app.find_run import Look
from orchestrator.cli.json_text import json_text
from orchestrator.cli.main import Parser
from orchestrator.cli.run_arguments import RUN_HELP, add_format_and_root, chosen_run, hint_for_job
from orchestrator.console.streams import write_stderr, write_stdout
from orchestrator.console.text import count, visible
from orchestrator.errors import ExitCode, UsageError


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
        wanted, ended = cancel(look, _wanted(look, arguments.jobs))
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
        ids = [job.id for job in look.plan.jobs if name in (job.id, job.workflow)]
        found = {job: look.engine_ids.index(job) for job in ids}
        if not found:
            known = dict.fromkeys(known for job in look.plan.jobs for known in (job.workflow, job.id))
            raise UsageError(f"unknown job `{visible(name)}`", help=hint_for_job(look, name, known))
        wanted.update(found)
    return wanted or {None: None}
