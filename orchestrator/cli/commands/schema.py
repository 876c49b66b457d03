"""`pexec schema`: print a JSON Schema, as in `schemas/`."""

from __future__ import annotations

import argparse
import importlib
import json

from orchestrator.cli.main import Parser
from orchestrator.cli.options import one_of
from orchestrator.console.streams import write_stdout
from orchestrator.errors import ExitCode

# The function that generates each, as data or as text; only the requested one is imported.
SCHEMAS = {
    "manifest": ("orchestrator.manifest.schema", "schema_text"),
    "events": ("orchestrator.journal.events", "events_schema"),
    "results": ("orchestrator.report.results", "results_schema"),
    "plan": ("orchestrator.plan.schema", "plan_schema"),
}


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec schema`."""
    parser.usage = f"{parser.prog} [{'|'.join(SCHEMAS)}]"
    parser.add_argument(
        "name",
        metavar="NAME",
        nargs="?",
        type=one_of(*SCHEMAS),
        default="manifest",
        help="manifest (default), events (a line of events.jsonl), results (results_summary.json) or plan (plan.json)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Print one schema."""
    module, function = SCHEMAS[arguments.name]
    schema = getattr(importlib.import_module(module), function)()
    write_stdout(schema if isinstance(schema, str) else json.dumps(schema, indent=2) + "\n")
    return ExitCode.OK
