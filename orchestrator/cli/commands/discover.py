"""`pexec discover`: generate a manifest from existing scripts and Markdown runbooks."""

from __future__ import annotations

import argparse
import os
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from orchestrator.cli.main import Parser
from orchestrator.cli.newfile import STDOUT, write_new
from orchestrator.cli.options import one_of
from orchestrator.console.streams import write_stderr
from orchestrator.diagnostics.model import Diagnostic, has_errors
from orchestrator.errors import ExitCode, UsageError
from orchestrator.journal.target_file import refuse_target

if TYPE_CHECKING:
    from orchestrator.discovery.model import Discovery
    from orchestrator.plan.make import Planned
    from orchestrator.plan.model import Plan

_ASSIGNED = re.compile(r"""([A-Za-z_][\w-]*)=("[^"\n]*"|'[^'\n]*'|[^\s"']+)""")


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec discover`."""
    parser.usage = f"{parser.prog} FILE... [flags]"
    parser.add_argument(
        "files",
        metavar="FILE",
        nargs="*",
        help="a script, or a Markdown runbook, whose fenced shell blocks are run; or one makefile or package.json",
    )
    parser.add_argument(
        "--dependency-graph",
        metavar="FILE",
        help="an existing dependencies.json, whose workflows and dependencies are added; it is only read",
    )
    parser.add_argument(
        "--infer",
        metavar="on|warn|off",
        type=one_of("on", "warn", "off"),
        default="on",
        help="when a script calls another one: on adds a dependency (default), warn only reports it, off ignores it",
    )
    parser.add_argument("-o", "--output", metavar="FILE", help="write to FILE, which must not exist, instead of stdout")
    parser.add_argument(
        "--format",
        metavar="yaml|json",
        type=one_of("yaml", "json"),
        default="yaml",
        help="yaml: a manifest (default); json: a dependency graph like the dependencies.json of a run",
    )


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, or 3 if the files have an error and nothing is written."""
    from orchestrator.discovery.discover import discover
    from orchestrator.discovery.model import Infer
    from orchestrator.discovery.source_files import is_makefile, is_package

    if not arguments.files and arguments.dependency_graph is None:
        raise UsageError("missing argument FILE", help="name scripts or Markdown runbooks")
    target: str = STDOUT if arguments.output is None else arguments.output
    if target != STDOUT:
        refuse_target(target, replaces=False)
    if any(is_makefile(file) or is_package(file) for file in arguments.files):
        return _import(arguments, target)
    found = discover(arguments.files, arguments.dependency_graph, Infer(arguments.infer))
    planned = _plan(found)
    diagnostics = (*found.diagnostics, *planned.diagnostics)
    graph = [] if arguments.dependency_graph is None else [arguments.dependency_graph]
    _print(diagnostics, found.texts, [*graph, *arguments.files])
    plan = planned.plan
    if plan is None or has_errors(diagnostics):
        return ExitCode.INVALID
    if arguments.format == "yaml" and not any(entry.runs for entry in found.entries):
        write_stderr("error: nothing to run in these files, so no manifest is written\n")
        return ExitCode.INVALID
    base_dir = os.getcwd() if target == STDOUT else os.path.dirname(os.path.abspath(target))
    write_new(target, _json(found, plan, base_dir) if arguments.format == "json" else _yaml(found, base_dir))
    return ExitCode.OK


def _import(arguments: argparse.Namespace, target: str) -> int:
    """Translate a makefile or a package.json."""
    from orchestrator.discovery.imported import ImportedFile, imported_text
    from orchestrator.discovery.source_files import UnreadableError, is_makefile, read_text, unreadable

    path, *others = arguments.files
    if others or arguments.dependency_graph is not None or arguments.format != "yaml":
        advice = f"run `pexec discover {path}` alone, and join manifests with `include`"
        raise UsageError("a makefile or package.json is translated by itself, to a manifest", help=advice)
    texts = {}
    try:
        texts[path] = text = read_text(path)
    except UnreadableError as error:
        imported = ImportedFile(diagnostics=[unreadable(path, str(error))])
    else:
        if is_makefile(path):
            from orchestrator.discovery.makefile import read_makefile as read
        else:
            from orchestrator.discovery.package_scripts import read_package as read
        imported = read(path, text)
    _print(tuple(imported.diagnostics), texts, [path])
    if not imported.is_usable:
        return ExitCode.INVALID
    base_dir = os.getcwd() if target == STDOUT else os.path.dirname(os.path.abspath(target))
    beside = os.path.relpath(os.path.dirname(os.path.abspath(path)), base_dir)
    write_new(target, imported_text(imported, "" if beside == "." else beside))
    return ExitCode.OK


def _plan(found: Discovery) -> Planned:
    """The order of the workflows, or the cycles among them. Their files are not read for it."""
    from orchestrator.manifest.model import Manifest
    from orchestrator.plan.inputs import PlanningEnvironment, ReadManifest
    from orchestrator.plan.make import Planned, make_plan

    if not found.entries:
        return Planned(None, ())
    workflows = {
        entry.name: {"argv": ["true"], "needs": [need.name for need in entry.needs]} for entry in found.entries
    }
    manifest = Manifest.parse({"version": 1, "workflows": workflows})
    return make_plan(ReadManifest(manifest, found.source_map(), path="", base_dir=""), PlanningEnvironment())


def _yaml(found: Discovery, base_dir: str) -> str:
    from orchestrator.discovery.manifest_text import manifest_text, runnable

    return manifest_text(runnable(found.entries), base_dir)


def _json(found: Discovery, plan: Plan, base_dir: str) -> str:
    import json

    from orchestrator.discovery.manifest_text import path_from
    from orchestrator.plan.export import dependencies_dict

    graph = dependencies_dict(plan, {entry.name: entry.status for entry in found.entries})
    for entry in found.entries:
        graph["workflows"][entry.name]["path"] = path_from(base_dir, entry.path)
        if entry.reads:
            graph["workflows"][entry.name]["sources"] = [path_from(base_dir, path) for path in entry.reads]
    return json.dumps(graph, indent=2) + "\n"


def _print(diagnostics: tuple[Diagnostic, ...], texts: Mapping[str, str], inputs: list[str]) -> None:
    if diagnostics:
        from orchestrator.diagnostics.render_text import DiagnosticRenderer

        shown = {file: _masked(text) for file, text in texts.items()}
        subject = inputs[0] if len(inputs) == 1 else f"{len(inputs)} files"
        write_stderr(DiagnosticRenderer.for_stderr(shown).all(diagnostics, subject))


def _masked(text: str) -> str:
    """Shell text with the values of variables and options that are named like secrets masked; columns do not change."""
    from orchestrator.diagnostics.mask import is_secret_name

    def mask(found: re.Match[str]) -> str:
        return f"{found[1]}={'*' * len(found[2])}" if is_secret_name(found[1]) else found.group()

    return _ASSIGNED.sub(mask, text)
