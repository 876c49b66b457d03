"""`pexec runs`: list all runs, newest first, one per line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence

from orchestrator.app.run_progress import RunProgress
from orchestrator.app.summary import load_summary_unless_driven
from orchestrator.cli.json_text import json_text
from orchestrator.cli.main import Parser
from orchestrator.cli.run_arguments import add_format_and_root, run_root
from orchestrator.console.streams import wants_colour, write_stderr, write_stdout, write_text
from orchestrator.console.terminal import Terminal
from orchestrator.errors import EnvironmentFailedError, ExitCode, RefusedError
from orchestrator.journal.plan_file import NoPlanError
from orchestrator.journal.rundir import list_runs, open_run
from orchestrator.report.progress import Head


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec runs`."""
    parser.usage = f"{parser.prog} [flags]"
    parser.add_argument("-n", "--last", metavar="N", type=_count, help="show only the last N runs")
    add_format_and_root(parser, "text", "json")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, or 4 if a run is damaged; the others are shown all the same."""
    root = run_root(arguments)
    errors: list[RefusedError] = []
    heads = list(_heads(root, list_runs(root)[::-1][: arguments.last], errors))
    if arguments.format == "json":
        write_stdout(json_text({"runs": heads}))
    elif heads:
        from orchestrator.report.runs_table import runs_table

        width = Terminal(sys.stdout).size().width if sys.stdout.isatty() else None
        write_text(runs_table(heads, width=width, colour=wants_colour(sys.stdout, os.environ)))
    else:
        write_stderr(f"pexec: no runs in `{root}`\n")
    if errors:
        raise RefusedError("; ".join(error.message for error in errors), help=errors[0].help, code="PX405")
    return ExitCode.OK


def _heads(root: str, ids: Sequence[str], errors: list[RefusedError]) -> Iterator[Head]:
    for run_id in ids:
        try:
            with open_run(root, run_id) as one:
                closing = load_summary_unless_driven(one)
                yield RunProgress(one).head() if closing is None else closing.head
        except NoPlanError:
            yield _without_events(run_id, "not begun")
        except RefusedError as error:
            errors.append(error)
            yield _without_events(run_id, "damaged")
        except EnvironmentFailedError:
            if os.path.isdir(os.path.join(root, run_id)):  # else it was just pruned
                raise


def _without_events(run_id: str, state: str) -> Head:
    return Head(run_id, "", state, None, None, None, None, 0.0, {}, 0)


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1_000_000:
        raise argparse.ArgumentTypeError(f"expected a positive integer, found `{text}`")
    return int(text)
