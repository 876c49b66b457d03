"""`pexec apply`: check, plan, run."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from orchestrator.cli.main import Parser
from orchestrator.cli.options import Invocation, add_run_arguments, one_of, understand
from orchestrator.cli.planning import judge, tell_faults, tell_warnings
from orchestrator.cli.streams import write_stderr, write_stdout
from orchestrator.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from orchestrator.execute.supervision import Supervision
    from orchestrator.plan.model import Plan

OUTPUTS = ("auto", "plain", "quiet", "jsonl")


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec apply`."""
    add_run_arguments(parser)
    parser.add_argument(
        "--output",
        metavar="|".join(OUTPUTS),
        type=one_of(*OUTPUTS),
        help="plain: each line of a job behind its name; quiet: only failures and the closing table; jsonl: the events",
    )
    parser.add_argument("--dry-run", action="store_true", help="show the plan as `pexec plan` does and run nothing")
    parser.add_argument("--keep-temp", action="store_true", help="keep the temporary folders of the jobs")


def run(arguments: argparse.Namespace) -> int:
    """The exit code of the run; 3 if the manifest has an error, and then nothing ran."""
    invocation = understand(arguments)
    output = _output(invocation)
    if arguments.dry_run:
        return _dry_run(invocation)
    from orchestrator.execute.supervision import Supervision

    supervision = Supervision()  # starts at once: its start hides behind reading the manifest
    try:
        plan = _plan(invocation)
        if plan is None:
            return ExitCode.INVALID
        if not plan.jobs:
            write_stderr("pexec: there is nothing to run: every job is left out of the plan\n")
        return _run(plan, invocation, output, arguments.keep_temp, supervision)
    finally:
        supervision.close()


def _run(plan: Plan, invocation: Invocation, output: str, keep_temp: bool, supervision: Supervision) -> int:
    from orchestrator.cli.wiring import RunOptions, run_plan
    from orchestrator.journal.rundir import DEFAULT_ROOT

    run_root = invocation.settings.run_root
    options = RunOptions(DEFAULT_ROOT if run_root is None else run_root.value, output, keep_temp)
    return run_plan(plan, options, supervision)


def _plan(invocation: Invocation) -> Plan | None:
    tell_warnings(invocation.settings.warnings)
    verdict = judge(invocation.manifest, invocation.selection, invocation.overrides)
    tell_faults(verdict)
    return verdict.plan


def _dry_run(invocation: Invocation) -> int:
    from orchestrator.cli.text import defused
    from orchestrator.plan.text import plan_text

    plan = _plan(invocation)
    if plan is None:
        return ExitCode.INVALID
    write_stdout(defused(plan_text(plan, invocation.origins)))
    return ExitCode.OK


def _output(invocation: Invocation) -> str:
    """How the run is shown. `auto` is `plain`."""
    setting = invocation.settings.output
    if setting is None or setting.value == "auto":
        return "plain"
    if setting.value not in OUTPUTS:
        raise UsageError(
            f"`{setting.origin}` asks for the output `{setting.value}`, which this version does not have",
            help="it has " + ", ".join(f"`{name}`" for name in OUTPUTS),
        )
    return setting.value
