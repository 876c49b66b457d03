"""The arguments of commands that read runs: which run, in which root, in which format."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from orchestrator.app.find_run import choose_run
from orchestrator.app.invocation import STDIN, find_manifest, run_root_of
from orchestrator.cli.options import add_run_root, one_of, settings_of
from orchestrator.errors import UsageError
from orchestrator.journal.rundir import RunDir

if TYPE_CHECKING:
    from orchestrator.cli.main import Parser

RUN_HELP = "a run ID or a unique prefix (default: the last run)"


def add_format_and_root(parser: Parser, *formats: str) -> None:
    """`--format`, whose first value is the default, and `--run-root`."""
    parser.add_argument(
        "--format",
        metavar="|".join(formats),
        type=one_of(*formats),
        default=formats[0],
        help=f"{formats[0]} (default) or {', '.join(formats[1:])}",
    )
    add_run_root(parser)


def add_run(parser: Parser) -> None:
    """The argument RUN."""
    parser.usage = f"{parser.prog} [RUN] [flags]"
    parser.add_argument("run", metavar="RUN", nargs="?", help=RUN_HELP)


def run_root(arguments: argparse.Namespace) -> str:
    """The directory of the runs: by the flag, the settings or the default. Prints the warnings about the settings."""
    try:
        manifest = find_manifest()
    except UsageError:
        manifest = STDIN
    settings = settings_of(arguments, manifest)
    if settings.warnings:
        from orchestrator.app.planning import print_warnings

        print_warnings(settings.warnings)
    return run_root_of(settings)


def chosen_run(arguments: argparse.Namespace, root: str | None = None) -> RunDir:
    """The run that `arguments.run` names. Raises UsageError if there is none, or the name is ambiguous."""
    return choose_run(run_root(arguments) if root is None else root, arguments.run)
