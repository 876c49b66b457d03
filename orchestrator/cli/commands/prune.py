"""`pexec prune`: remove old runs."""

from __future__ import annotations

import argparse

from orchestrator.app.old_workers import end_what_is_left
from orchestrator.cli.json_text import json_text
from orchestrator.cli.main import Parser
from orchestrator.cli.run_arguments import add_format_and_root, run_root
from orchestrator.console.streams import write_stderr, write_stdout
from orchestrator.errors import ExitCode
from orchestrator.journal.prune import KEEP, prune


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec prune`."""
    parser.usage = f"{parser.prog} [flags]"
    parser.add_argument(
        "--keep",
        metavar="N",
        type=_number,
        default=KEEP,
        help=f"number of runs to keep, newest first (default: {KEEP})",
    )
    parser.add_argument(
        "--interrupted",
        action="store_true",
        help="also remove old runs that were interrupted, which then cannot be resumed",
    )
    parser.add_argument(
        "-n", "--dry-run", action="store_true", help="print the runs that would be removed, and remove none"
    )
    add_format_and_root(parser, "text", "json")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0."""
    root = run_root(arguments)
    pruned = prune(
        root, arguments.keep, interrupted=arguments.interrupted, dry_run=arguments.dry_run, end=end_what_is_left
    )
    if arguments.format == "json":
        kept = [{"run_id": run_id, "reason": reason} for run_id, reason in pruned.kept]
        write_stdout(json_text({"removed": pruned.removed, "kept": kept, "dry_run": arguments.dry_run}))
    else:
        write_stdout("".join(f"{run_id}\n" for run_id in pruned.removed))
        write_stderr("".join(f"pexec: {run_id} kept: {reason}\n" for run_id, reason in pruned.kept))
    return ExitCode.OK


def _number(text: str) -> int:
    if not text.isdecimal() or int(text) > 1_000_000:
        raise argparse.ArgumentTypeError(f"expected a non-negative integer, found `{text}`")
    return int(text)
