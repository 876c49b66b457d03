"""`pexec runs`: all runs, newest first, each in one line."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Sequence

from orchestrator.app.look import Look, add_looking_arguments, as_json, run_root
from orchestrator.app.summary import load_summary_unless_driven
from orchestrator.cli.main import Parser
from orchestrator.console.streams import write_stderr, write_stdout
from orchestrator.errors import EnvironmentFailedError, ExitCode, RefusedError
from orchestrator.journal.plan_file import NoPlanError
from orchestrator.journal.rundir import RunDir, list_runs, open_run
from orchestrator.report.progress import Head, Progress


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec runs`."""
    parser.usage = f"{parser.prog} [flags]"
    parser.add_argument("-n", "--last", metavar="N", type=_count, help="only the last N runs")
    add_looking_arguments(parser, "text", "json")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, or 4 if a run is damaged; all others are shown then too."""
    root = run_root(arguments)
    faults: list[RefusedError] = []
    heads = list(_heads(root, list_runs(root)[::-1][: arguments.last], faults))
    if arguments.format == "json":
        write_stdout(as_json({"runs": heads}))
    elif heads:
        from orchestrator.console.text import defused
        from orchestrator.report.runs_table import runs_table

        write_stdout(defused(runs_table(heads)))
    else:
        write_stderr(f"pexec: there is no run in `{root}`\n")
    if faults:
        raise RefusedError("; ".join(fault.message for fault in faults), help=faults[0].help, code="PX405")
    return ExitCode.OK


def _heads(root: str, ids: Sequence[str], faults: list[RefusedError]) -> Iterator[Head]:
    for run_id in ids:
        try:
            with open_run(root, run_id) as one:
                closing = load_summary_unless_driven(one)
                yield _seen(one) if closing is None else closing.head
        except NoPlanError:
            yield _without_events(run_id, "not begun")
        except RefusedError as fault:
            faults.append(fault)
            yield _without_events(run_id, "damaged")
        except EnvironmentFailedError:
            if os.path.isdir(os.path.join(root, run_id)):  # else it was pruned just now
                raise


def _seen(one: RunDir) -> Head:
    look = Look(one)
    progress = Progress(look.plan, one.run_id)
    look.feed(progress.add)
    return progress.head(look.now(progress.at, progress.ts), driven=look.driven)


def _without_events(run_id: str, state: str) -> Head:
    return Head(run_id, "", state, None, None, None, None, 0.0, {}, 0)


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1_000_000:
        raise argparse.ArgumentTypeError(f"must be a number from 1 on, not `{text}`")
    return int(text)
