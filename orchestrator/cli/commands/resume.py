"""`pexec resume`: continue a run after a crash, an interrupt or a failure."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from orchestrator.app.invocation import STDIN
from orchestrator.cli.main import Parser
from orchestrator.cli.options import add_cluster, add_output, add_run_root, add_slots, output_of, settings_of
from orchestrator.cli.run_arguments import add_run, chosen_run, named_run, run_root
from orchestrator.console.streams import hold_stderr
from orchestrator.errors import RefusedError, UsageError
from orchestrator.interrupts import exit_until_run

if TYPE_CHECKING:
    from orchestrator.journal.rundir import RunDir


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec resume`."""
    add_run(parser)
    parser.add_argument(
        "--failed",
        action="store_true",
        help="rerun only jobs that failed, timed out or were lost, and their dependents; not jobs that never ran",
    )
    add_slots(parser)
    add_cluster(parser)
    add_output(parser)
    add_run_root(parser)


def run(arguments: argparse.Namespace) -> int:
    """The exit code of the run; 4 if a process drives it, its journal is damaged, or nothing is left to do."""
    root = run_root(arguments)
    with _to_resume(arguments, root) as rundir:
        rundir.lock()
        from orchestrator.app.resume import ResumeOptions, resume
        from orchestrator.app.start import RunOptions
        from orchestrator.execute.supervisor.supervisor import Supervisor

        exit_until_run()
        hold_stderr()
        supervisor = Supervisor(alone=True)
        try:
            settings = settings_of(arguments, STDIN)
            shown = RunOptions(root, output_of(settings), arguments.keep_temp, summary=arguments.summary)
            cluster = None if settings.cluster is None else settings.cluster.value
            options = ResumeOptions(shown, arguments.max_parallel_jobs, arguments.failed, cluster)
            return resume(rundir, options, supervisor)
        finally:
            supervisor.close()


def _to_resume(arguments: argparse.Namespace, root: str) -> RunDir:
    """The named run, else the last. Without a name, having no run is not a usage error: there is nothing to resume."""
    try:
        return chosen_run(arguments, root)
    except UsageError as none:
        if named_run(arguments) is not None:
            raise
        raise RefusedError(f"nothing to resume: {none.message}", help=none.help, code="PX406") from None
