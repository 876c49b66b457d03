"""`pexec apply`: check, plan, run."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from orchestrator.app.empty_plan import refuse_empty
from orchestrator.app.invocation import Invocation, to_record
from orchestrator.app.planning import PlanningResult, plan_invocation, print_diagnostics, print_warnings
from orchestrator.cli.main import Parser
from orchestrator.cli.options import add_output, add_run_arguments, output_of, understand
from orchestrator.console.streams import hold_stderr, write_text
from orchestrator.errors import ExitCode
from orchestrator.interrupts import exit_until_run
from orchestrator.journal.place_record import COMMAND

if TYPE_CHECKING:
    from orchestrator.execute.supervisor.supervisor import Supervisor
    from orchestrator.plan.model import Plan


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec apply`."""
    add_run_arguments(parser)
    add_output(parser)
    parser.add_argument(
        "--allow-empty",
        action="store_true",
        help="succeed if every job is left out because it is manual or its `if` does not hold",
    )
    both = parser.add_mutually_exclusive_group()
    both.add_argument(
        "--force",
        dest="cache",
        action="store_const",
        const="force",
        default="use",
        help="run also the jobs that are up to date, and store their results",
    )
    both.add_argument(
        "--no-cache",
        dest="cache",
        action="store_const",
        const="off",
        help="run also the jobs that are up to date; use no stored results, and store none",
    )
    parser.add_argument(
        "-n",
        "--dry-run",
        action="store_true",
        help="show the plan as `pexec plan` does, with `-v` all settings, and run nothing",
    )


def run(arguments: argparse.Namespace) -> int:
    """The exit code of the run; 3 if the manifest has an error and nothing ran."""
    invocation = understand(arguments)
    if arguments.since is not None:
        from orchestrator.app.since import narrowed

        found = narrowed(invocation, arguments.since)
        if found is None:
            return ExitCode.OK
        invocation = found
    if arguments.dry_run:
        return _dry_run(invocation, verbose=arguments.summary == "all")
    from orchestrator.app.plan_cache import PlanCache
    from orchestrator.execute.supervisor.supervisor import Supervisor

    exit_until_run()
    hold_stderr()
    supervisor = Supervisor(alone=True)  # the warden starts while the manifest is read
    try:
        print_warnings(invocation.settings.warnings)
        cache = PlanCache(invocation)
        plan = cache.recall()
        if plan is not None:
            return _run(plan, arguments, invocation, supervisor)
        result = _plan(invocation)
        if result.plan is None:
            return ExitCode.INVALID
        plan = result.plan
        if plan.computed:
            invocation, computed = _with_computed(invocation, result, supervisor)
            if computed is None:
                return ExitCode.INVALID
            plan = computed
        code = _run(plan, arguments, invocation, supervisor)
        cache.keep(result)  # after the run, so that it delays nothing
    finally:
        supervisor.close()
    return code


def _run(plan: Plan, arguments: argparse.Namespace, invocation: Invocation, supervisor: Supervisor) -> int:
    from orchestrator.app.job_scripts import with_scripts
    from orchestrator.app.start import RunOptions, run_plan

    record = to_record(invocation)
    record[COMMAND] = [word.encode(errors="backslashreplace").decode() for word in sys.argv[1:]]
    if arguments.allow_empty:
        record["allow_empty"] = True  # a resume that plans again may have no jobs either
    else:
        refuse_empty(plan)
    options = RunOptions(
        run_root=invocation.run_root,
        output=output_of(invocation.settings),
        keep_temp=arguments.keep_temp,
        summary=arguments.summary,
        cache=arguments.cache,
    )
    return run_plan(with_scripts(plan), options, supervisor, invocation=record)


def _with_computed(
    invocation: Invocation, planned: PlanningResult, supervisor: Supervisor
) -> tuple[Invocation, Plan | None]:
    """The invocation and the plan with the parameters that are computed when a run starts. A value may leave out a job
    whose output another one uses, so that there is no plan."""
    from orchestrator.app.computed_params import plan_computed, with_computed

    known = with_computed(invocation, planned, supervisor)
    result = plan_computed(planned, known)
    if result.plan is None:
        print_diagnostics(result)
    return known, result.plan


def _plan(invocation: Invocation) -> PlanningResult:
    result = plan_invocation(invocation)
    print_diagnostics(result)
    if result.diagnostics:
        from orchestrator.app.github_report import annotate_diagnostics

        annotate_diagnostics(result.path, result.diagnostics)
    return result


def _dry_run(invocation: Invocation, *, verbose: bool) -> int:
    from orchestrator.plan.render import plan_text

    print_warnings(invocation.settings.warnings)
    result = _plan(invocation)
    if result.plan is None:
        return ExitCode.INVALID
    from orchestrator.app.cache_of_plan import planned_checks

    checks = {name: one.text for name, one in planned_checks(result.plan).items()}
    origins = {**invocation.origins, **result.origins}
    write_text(plan_text(result.plan, origins, result.purposes, checks=checks, verbose=verbose))
    return ExitCode.OK
