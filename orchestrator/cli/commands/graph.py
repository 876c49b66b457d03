"""`pexec graph`: draw the dependency graph, as text, as a picture, in the language of a drawing tool, or as data."""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence

from orchestrator.app.caller_directory import from_here
from orchestrator.app.invocation import STDIN, clusters_for, find_manifest
from orchestrator.cli.browser import open_page
from orchestrator.cli.main import Parser
from orchestrator.cli.options import add_manifest, add_run_root, one_manifest, one_of
from orchestrator.cli.output_file import add_output_file, format_of, output_path, write_output
from orchestrator.console.streams import wants_colour, write_text
from orchestrator.console.text import visible
from orchestrator.errors import ExitCode, UsageError
from orchestrator.plan.model import Plan
from orchestrator.report.status import Status

Outcomes = Sequence[tuple[Status, bool]] | None  # of each job: its status, and whether its failure is allowed

LAST_RUN = ""

_NAMES = {"text": "graph.txt", "svg": "graph.svg", "dot": "graph.dot", "mermaid": "graph.mmd", "json": "graph.json"}
_SUFFIXES = {os.path.splitext(name)[1]: form for form, name in _NAMES.items()} | {".gv": "dot", ".mermaid": "mermaid"}


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec graph`."""
    add_manifest(parser)
    parser.add_argument(
        "--format",
        metavar="|".join(_NAMES),
        type=one_of(*_NAMES),
        help="text: a tree (default); svg: a picture; dot, for Graphviz; mermaid, for Markdown; json: nodes and edges",
    )
    add_output_file(parser)
    parser.add_argument(
        "--open", action="store_true", help="open the picture in a browser: FILE, or a file in a temporary directory"
    )
    parser.add_argument(
        "--run",
        metavar="RUN",
        nargs="?",
        const=LAST_RUN,
        help="draw a run, each job with its status: a run ID, a unique prefix, `last` or `previous` (default: the last "
        "run, of MANIFEST if that is given)",
    )
    add_run_root(parser)


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, or 3 if the manifest has an error; 4 if `--open` finds no browser."""
    manifest = one_manifest(arguments.manifest, arguments.file)
    form = format_of(arguments.format, arguments.output, _SUFFIXES, "svg" if arguments.open else "text")
    if arguments.open and form != "svg":
        raise UsageError(f"`--open` opens a picture, not `{form}`", help="remove `--format`, or use `svg`")
    path = output_path(arguments.output, _NAMES[form])
    if arguments.run is None:
        plan, outcomes = _planned(manifest), None
        if plan is None:
            return ExitCode.INVALID
    else:
        plan, outcomes = _ran(arguments, manifest)
    if arguments.open and path is None:
        path = os.path.join(tempfile.mkdtemp(prefix="pexec-"), _NAMES[form])  # not removed: the browser reads it later
    drawing = _drawn(plan, outcomes, form, colour=path is None and wants_colour(sys.stdout, os.environ))
    if form == "text" and path is None:
        write_text(drawing)
    else:
        write_output(path, drawing)
    if arguments.open and path is not None:
        open_page(path)
        write_text(f"{visible(from_here(path))}\n")
    return ExitCode.OK


def _planned(manifest: str | None) -> Plan | None:
    from orchestrator.app.planning import plan_manifest, print_diagnostics

    path = manifest or find_manifest()
    result = plan_manifest(path, overrides=clusters_for(path))
    print_diagnostics(result)
    return result.plan


def _ran(arguments: argparse.Namespace, manifest: str | None) -> tuple[Plan, Outcomes]:
    """The plan and the outcomes of a run: of that which `--run` names, or the last one. Raises UsageError if it is a
    run of another manifest."""
    from orchestrator.app.find_run import Look, last_run_of
    from orchestrator.cli.run_arguments import chosen_run, run_root
    from orchestrator.report.fold_events import RunFold

    if manifest == STDIN:
        raise UsageError("`--run` cannot be used with `-`", help="a run has a plan of its own: remove one of the two")
    arguments.run = arguments.run or None
    root = run_root(arguments)
    with chosen_run(arguments, root) if manifest is None else last_run_of(manifest, root, arguments.run) as one:
        look = Look(one)
        fold = RunFold(look.plan)
        look.feed(fold.add)
    return look.plan, [(job.status, job.allowed) for job in fold.report().jobs]


def _drawn(plan: Plan, outcomes: Outcomes, form: str, *, colour: bool) -> str:
    statuses = None if outcomes is None else [status.value for status, _ in outcomes]
    if form == "svg":
        from orchestrator.cli.graph.svg import render_svg

        return render_svg(plan, outcomes)
    if form == "dot":
        from orchestrator.cli.graph.dot import render_dot

        return render_dot(plan, statuses)
    if form == "mermaid":
        from orchestrator.report.mermaid import render_mermaid

        return render_mermaid(plan, statuses)
    if form == "json":
        return _json(plan, statuses)
    from orchestrator.cli.graph.tree import render_tree

    return render_tree(plan, statuses, colour=colour)


def _json(plan: Plan, statuses: Sequence[str] | None) -> str:
    """`from` of an edge ends before `to` starts. Without a run, each status is null."""
    import json

    ids = [job.id for job in plan.jobs]
    nodes = [
        {
            "id": job.id,
            "workflow": job.workflow,
            "level": job.level,
            "group": job.spec.is_group,
            "status": statuses[job.index] if statuses else None,
        }
        for job in plan.jobs
    ]
    edges = [
        {"from": ids[other], "to": job.id, "kind": kind}
        for job in plan.jobs
        for kind, others in (("needs", job.needs), ("after", job.after))
        for other in others
    ]
    return json.dumps({"name": plan.name, "nodes": nodes, "edges": edges}, indent=2) + "\n"
