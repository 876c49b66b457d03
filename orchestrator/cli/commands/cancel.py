"""`pexec cancel`: stop a run, or some jobs of it, from another terminal."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Mapping
from typing import Any

from orchestrator.app.look import RUN_HELP, Look, add_looking_arguments, as_json, chosen_run
from orchestrator.cli.main import Parser
from orchestrator.console.streams import write_stderr, write_stdout
from orchestrator.console.text import plural, visible
from orchestrator.errors import ExitCode, RefusedError, UsageError
from orchestrator.execute.control import request_cancel
from orchestrator.plan.model import Plan

PATIENCE = 10.0  # seconds; a run that is starting or ending may need some until it listens, or has ended
PAUSE = 0.02


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec cancel`."""
    parser.usage = f"{parser.prog} [JOB...] [flags]"
    parser.add_argument("jobs", metavar="JOB", nargs="*", help="cancel only these jobs; by default the whole run")
    parser.add_argument("--run", metavar="RUN", help=RUN_HELP)
    add_looking_arguments(parser, "text", "json")


def run(arguments: argparse.Namespace) -> int:
    """0 once the run has taken the request; 4 if nobody drives it."""
    with chosen_run(arguments) as rundir:
        look = Look(rundir)
        wanted = _wanted(look.plan, arguments.jobs)
        look.feed()
        if not look.driven:
            raise RefusedError(
                f"run `{rundir.run_id}` is not running", help="`pexec runs` lists all runs", code="PX404"
            )
        _ask(look, wanted)
    if arguments.format == "json":
        write_stdout(as_json({"run_id": rundir.run_id, "jobs": list(wanted) if arguments.jobs else None}))
        return ExitCode.OK
    what = f"{plural(len(wanted), 'job')} of run" if arguments.jobs else "run"
    write_stderr(f"pexec: {what} `{rundir.run_id}` asked to stop; ask again to kill\n")
    return ExitCode.OK


def _wanted(plan: Plan, names: Iterable[str]) -> dict[str | None, int | None]:
    """Job -> its index, as the driver is asked; None for the whole run. A workflow is all its jobs."""
    wanted: dict[str | None, int | None] = {}
    for name in names:
        found = {job.id: job.index for job in plan.jobs if name in (job.id, job.workflow)}
        if not found:
            raise UsageError(f"there is no job `{visible(name)}` in this run", help=_hint(name, plan))
        wanted.update(found)
    return wanted or {None: None}


def _hint(name: str, plan: Plan) -> str:
    import difflib

    close = difflib.get_close_matches(name, [job.id for job in plan.jobs], n=1)
    return f"did you mean `{visible(close[0])}`?" if close else "`pexec status` shows its jobs"


def _ask(look: Look, wanted: Mapping[str | None, int | None]) -> None:
    """Ask who drives the run, until its journal says that it has heard."""
    unasked, unheard = dict(wanted), set(wanted)

    def hear(event: Mapping[str, Any]) -> None:
        if event["event"] == "cancel.requested" and event["reason"] == "user":
            unheard.discard(event["job"])

    give_up_at = time.monotonic() + PATIENCE
    while unheard:
        if not look.driven:
            raise RefusedError(f"run `{look.run.run_id}` ended before it could be cancelled", code="PX404")
        if time.monotonic() > give_up_at:
            raise RefusedError(f"run `{look.run.run_id}` does not answer", help="is its process stopped?", code="PX404")
        unasked = {job: index for job, index in unasked.items() if not request_cancel(look.run, index)}
        time.sleep(PAUSE)
        look.feed(hear)
