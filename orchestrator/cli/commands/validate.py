"""`pexec validate`: check manifests and report every error."""

from __future__ import annotations

import argparse

from orchestrator.app.invocation import clusters_for, find_manifest
from orchestrator.app.planning import PlanningResult, plan_manifest, print_diagnostics
from orchestrator.cli.main import Parser
from orchestrator.cli.options import one_of
from orchestrator.console.streams import write_stderr, write_stdout, write_text
from orchestrator.errors import ExitCode


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec validate`."""
    parser.usage = f"{parser.prog} [FILE...] [flags]"
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        help="a manifest, or `-` for stdin (default: pexec.yaml or pexec.yml in this directory or the nearest parent)",
    )
    parser.add_argument(
        "-f", "--file", metavar="FILE", action="append", default=[], help="the same as the argument; may be repeated"
    )
    parser.add_argument(
        "--format",
        metavar="text|json|sarif|github",
        type=one_of("text", "json", "sarif", "github"),
        default="text",
        help="text: diagnostics with snippets, on stderr (default); on stdout: json, one object; sarif, a SARIF 2.1.0 "
        "log; github, workflow commands by which GitHub annotates the lines of a change",
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="print nothing about valid manifests")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, or 3 if any of the manifests has an error."""
    results = [
        plan_manifest(path, overrides=clusters_for(path))
        for path in [*arguments.file, *arguments.files] or [find_manifest()]
    ]
    if arguments.format == "text":
        _show(results, quiet=arguments.quiet)
    else:
        write_stdout(_rendered(results, arguments.format))
    return ExitCode.OK if all(result.plan for result in results) else ExitCode.INVALID


def _rendered(results: list[PlanningResult], form: str) -> str:
    """All diagnostics in a machine-readable format; only its renderer is imported."""
    diagnostics = [(result.path, diagnostic) for result in results for diagnostic in result.diagnostics]
    if form == "sarif":
        from orchestrator.diagnostics.render_sarif import render_sarif

        return render_sarif(diagnostics)
    if form == "github":
        from orchestrator.diagnostics.render_github import render_github

        return render_github(diagnostics)
    from orchestrator.diagnostics.render_json import render_json

    return render_json(diagnostics)


def _show(results: list[PlanningResult], *, quiet: bool) -> None:
    with_diagnostics = [result for result in results if result.diagnostics]
    for result in results:
        if result.diagnostics and result is not with_diagnostics[0]:
            write_stderr("\n")
        print_diagnostics(result)
        if result.plan is not None and not quiet:
            from orchestrator.console.text import count, visible

            jobs, levels = count(len(result.plan.jobs), "job"), count(len(result.plan.levels), "level")
            write_text(f"{visible(result.path)}: valid, {jobs} in {levels}\n")
