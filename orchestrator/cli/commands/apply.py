"""`pexec apply`: check, plan, run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from orchestrator.app.planning import Verdict, judge, tell_faults, tell_warnings
from orchestrator.cli.main import Parser
from orchestrator.cli.options import Invocation, add_output, add_run_arguments, output_of, understand
from orchestrator.console.streams import write_stderr, write_stdout
from orchestrator.errors import ExitCode

if TYPE_CHECKING:
    from orchestrator.execute.supervisor.supervisor import Supervisor
    from orchestrator.plan.model import Plan


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec apply`."""
    add_run_arguments(parser)
    add_output(parser)
    parser.add_argument("--dry-run", action="store_true", help="show the plan as `pexec plan` does and run nothing")


def run(arguments: argparse.Namespace) -> int:
    """The exit code of the run; 3 if the manifest has an error, and then nothing ran."""
    invocation = understand(arguments)
    if arguments.dry_run:
        return _dry_run(invocation)
    from orchestrator.app.plan_cache import PlanCache
    from orchestrator.execute.signals import leave_on_interrupt
    from orchestrator.execute.supervisor.supervisor import Supervisor

    leave_on_interrupt()
    supervisor = Supervisor(alone=True)  # starts at once: its start hides behind reading the manifest
    try:
        tell_warnings(invocation.settings.warnings)
        cache = PlanCache(invocation)
        plan = cache.recall()
        if plan is not None:
            return _run(plan, arguments, invocation, supervisor)
        verdict = _judged(invocation)
        if verdict.plan is None:
            return ExitCode.INVALID
        if not verdict.plan.jobs:
            write_stderr("pexec: there is nothing to run: every job is left out of the plan\n")
        code = _run(verdict.plan, arguments, invocation, supervisor)
        cache.keep(verdict)  # when nobody waits for it any more
    finally:
        supervisor.close()
    return code


def _run(plan: Plan, arguments: argparse.Namespace, invocation: Invocation, supervisor: Supervisor) -> int:
    from orchestrator.app.replan import recorded
    from orchestrator.app.start import RunOptions, run_plan

    options = RunOptions(
        run_root=invocation.run_root,
        output=output_of(invocation.settings),
        keep_temp=arguments.keep_temp,
    )
    return run_plan(plan, options, supervisor, invocation=recorded(arguments, invocation))


def _judged(invocation: Invocation) -> Verdict:
    verdict = judge(
        invocation.manifest, invocation.selection, invocation.overrides, invocation.around, invocation.run_root
    )
    tell_faults(verdict)
    return verdict


def _dry_run(invocation: Invocation) -> int:
    from orchestrator.console.text import defused
    from orchestrator.plan.render import plan_text

    tell_warnings(invocation.settings.warnings)
    verdict = _judged(invocation)
    if verdict.plan is None:
        return ExitCode.INVALID
    write_stdout(defused(plan_text(verdict.plan, {**invocation.origins, **verdict.origins}, verdict.purposes)))
    return ExitCode.OK
