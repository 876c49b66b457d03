"""`pexec graph`: draw the dependency graph, as text, in the language of a drawing tool, or as data."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from orchestrator.app.invocation import find_manifest
from orchestrator.cli.main import Parser
from orchestrator.cli.options import add_manifest, add_run_root, one_manifest, one_of
from orchestrator.console.streams import wants_colour, write_stdout, write_text
from orchestrator.errors import ExitCode, UsageError
from orchestrator.plan.model import Plan

Outcomes = Sequence[str] | None

LAST_RUN = ""


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec graph`."""
    add_manifest(parser)
    parser.add_argument(
        "--format",
        metavar="text|dot|mermaid|json",
        type=one_of("text", "dot", "mermaid", "json"),
        default="text",
        help="text: a tree (default); dot, for Graphviz; mermaid, for Markdown; json: nodes and edges",
    )
    parser.add_argument(
        "--run",
        metavar="RUN",
        nargs="?",
        const=LAST_RUN,
        help="draw a run, each job with its status: a run ID or a unique prefix (default: the last run)",
    )
    add_run_root(parser)


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, or 3 if the manifest has an error."""
    manifest = one_manifest(arguments.manifest, arguments.file)
    if arguments.run is None:
        plan, statuses = _planned(manifest), None
        if plan is None:
            return ExitCode.INVALID
    elif manifest is not None:
        raise UsageError("`--run` cannot be used with a manifest", help="a run has its own plan; use one of the two")
    else:
        plan, statuses = _ran(arguments)
    write = write_text if arguments.format == "text" else write_stdout
    write(_drawn(plan, statuses, arguments.format))
    return ExitCode.OK


def _planned(manifest: str | None) -> Plan | None:
    from orchestrator.app.planning import plan_manifest, print_diagnostics

    result = plan_manifest(manifest or find_manifest())
    print_diagnostics(result)
    return result.plan


def _ran(arguments: argparse.Namespace) -> tuple[Plan, list[str]]:
    from orchestrator.app.find_run import Look
    from orchestrator.cli.run_arguments import chosen_run
    from orchestrator.report.fold_events import RunFold

    arguments.run = arguments.run or None
    with chosen_run(arguments) as one:
        look = Look(one)
        fold = RunFold(look.plan)
        look.feed(fold.add)
    return look.plan, [fold.status(job.index).value for job in look.plan.jobs]


def _drawn(plan: Plan, statuses: Outcomes, form: str) -> str:
    if form == "dot":
        from orchestrator.cli.graph.dot import render_dot

        return render_dot(plan, statuses)
    if form == "mermaid":
        from orchestrator.report.mermaid import render_mermaid

        return render_mermaid(plan, statuses)
    if form == "json":
        return _json(plan, statuses)
    from orchestrator.cli.graph.tree import render_tree

    return render_tree(plan, statuses, colour=wants_colour(sys.stdout, os.environ))


def _json(plan: Plan, statuses: Outcomes) -> str:
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
