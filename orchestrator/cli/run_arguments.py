"""The arguments of commands that read runs: which run, in which root, in which format."""

from __future__ import annotations

import argparse
import os
import shlex
from collections.abc import Iterable
from typing import TYPE_CHECKING

from orchestrator.app.find_run import choose_run
from orchestrator.app.invocation import STDIN, find_manifest, run_root_of
from orchestrator.cli.options import add_format, add_run_root, settings_of
from orchestrator.errors import PexecError, UsageError
from orchestrator.journal.rundir import LAST, PREVIOUS, RunDir, list_runs

if TYPE_CHECKING:
    from orchestrator.app.find_run import Look
    from orchestrator.cli.main import Parser

RUN_HELP = "a run ID, a unique prefix, `last` or `previous` (default: the last run)"
_LAST_ONES = ("-1", "latest", "newest", "current")  # other tools call it so
_PREVIOUS_ONES = ("-2", "prev", "last~1", "last-1")
_MOST_JOBS = 5


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
    root = run_root(arguments) if root is None else root
    try:
        return choose_run(root, named)
    except UsageError as error:
        if named in (None, LAST, PREVIOUS) or any(run.startswith(named) for run in list_runs(root)):
            raise
        raise UsageError(error.message, help=_hint_for_run(root, named) or error.help) from error


def _hint_for_run(root: str, word: str) -> str:
    """The help for an unknown run, which may be a job of the last one; empty if nothing is similar."""
    from orchestrator.diagnostics.suggest import did_you_mean
    from orchestrator.journal.plan_file import read_plan_data

    if word in _LAST_ONES or word in _PREVIOUS_ONES:
        return f"did you mean `{LAST if word in _LAST_ONES else PREVIOUS}`?"
    try:
        with choose_run(root, None) as last:
            jobs = {name: None for job in read_plan_data(last)["jobs"] for name in (job["workflow"], job["id"])}
    except PexecError:
        return ""
    if word in jobs:
        return f"`{word}` is a job: `pexec logs {shlex.quote(word)}` prints its output in the last run"
    return did_you_mean(word, [LAST, PREVIOUS, *jobs])


def hint_for_job(look: Look, word: str, jobs: Iterable[str]) -> str:
    """The help for an unknown job of a run: it may be a run, or similar to a job; else which jobs there are."""
    from orchestrator.diagnostics.suggest import did_you_mean

    if word[:1].isdigit() and any(run.startswith(word) for run in list_runs(os.path.dirname(look.run.path))):
        return f"to choose a run, write `--run {word}`"
    near = did_you_mean(word, jobs)
    if near:
        return near
    names = list(dict.fromkeys(job.workflow for job in look.plan.jobs))
    listed = ", ".join(f"`{name}`" for name in names[:_MOST_JOBS])
    more = f" and {len(names) - _MOST_JOBS} more" if len(names) > _MOST_JOBS else ""
    return f"the run has {listed}{more}" if names else ""
