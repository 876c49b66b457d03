"""`pexec validate`: all that can be known of manifests without running anything."""

from __future__ import annotations

import argparse

from orchestrator.cli.main import Parser
from orchestrator.cli.options import find_manifest, one_of
from orchestrator.cli.planning import Verdict, judge, tell_faults
from orchestrator.cli.streams import write_stderr, write_stdout
from orchestrator.errors import ExitCode


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec validate`."""
    parser.usage = f"{parser.prog} [FILE...] [flags]"
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        help="a manifest, or `-` for stdin; by default pexec.yaml or pexec.yml, looked for upward",
    )
    parser.add_argument(
        "--format",
        metavar="text|json",
        type=one_of("text", "json"),
        default="text",
        help="text: faults as snippets on stderr (default); json: all faults as one object on stdout",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing of a manifest without faults")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, or 3 if any of the manifests has an error."""
    verdicts = [judge(path) for path in arguments.files or [find_manifest()]]
    if arguments.format == "json":
        from orchestrator.cli.render_json import render_json

        write_stdout(render_json([diagnostic for verdict in verdicts for diagnostic in verdict.diagnostics]))
    else:
        _show(verdicts, quiet=arguments.quiet)
    return ExitCode.OK if all(verdict.plan for verdict in verdicts) else ExitCode.INVALID


def _show(verdicts: list[Verdict], *, quiet: bool) -> None:
    faulty = [verdict for verdict in verdicts if verdict.diagnostics]
    for verdict in verdicts:
        if verdict.diagnostics and verdict is not faulty[0]:
            write_stderr("\n")
        tell_faults(verdict)
        if verdict.plan is not None and not quiet:
            from orchestrator.cli.text import defused, plural, visible

            jobs, levels = plural(len(verdict.plan.jobs), "job"), plural(len(verdict.plan.levels), "level")
            write_stdout(defused(f"{visible(verdict.path)}: valid, {jobs} in {levels}\n"))
