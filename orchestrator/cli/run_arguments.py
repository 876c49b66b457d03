"""The arguments of commands that read runs: which run, in which root, in which format."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestrator.app.find_run import choose_run
from orchestrator.app.invocation import STDIN, find_manifest, run_root_of
from orchestrator.cli.options import add_format, add_run_root, settings_of
from orchestrator.errors import UsageError
from orchestrator.journal.rundir import RunDir, list_runs

if TYPE_CHECKING:
    from orchestrator.app.find_run import Look
    from orchestrator.cli.main import Parser

RUN_HELP = "a run ID or a unique prefix (default: the last run)"


def add_format_and_root(parser: Parser, *formats: str) -> None:
    """`--format`, whose first value is the default, and `--run-root`."""
    add_format(parser, *formats)
    add_run_root(parser)


def add_run(parser: Parser) -> None:
    """The argument RUN, and `--run` for it."""
    parser.usage = f"{parser.prog} [RUN] [flags]"
    parser.add_argument("run_word", metavar="RUN", nargs="?", help=RUN_HELP)
    parser.add_argument("--run", metavar="RUN", help="the same as the argument RUN")


def named_run(arguments: argparse.Namespace) -> str | None:
    """The run that the command line names. Raises UsageError if it names two."""
    word: str | None = getattr(arguments, "run_word", None)
    flag: str | None = arguments.run
    if word is not None and flag is not None and word != flag:
        raise UsageError(f"two runs are named: `{word}` and `{flag}`", help="give RUN or `--run`, not both")
    return flag if word is None else word


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
    """The run that the arguments name. Raises UsageError if there is none, or the name is ambiguous."""
    named = named_run(arguments)
    return choose_run(run_root(arguments) if root is None else root, named)


def hint_for_job(look: Look, word: str, jobs: Iterable[str]) -> str:
    """The help for an unknown job, which may be a run; empty if nothing is similar."""
    from orchestrator.diagnostics.suggest import did_you_mean

    if word[:1].isdigit() and any(run.startswith(word) for run in list_runs(os.path.dirname(look.run.path))):
        return f"to choose a run, write `--run {word}`"
    return did_you_mean(word, jobs)
