"""The pages that are made from the program itself when the site is built: they cannot be out of date."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from schema_tables import key_table, table

from orchestrator.cli.examples import EXAMPLES
from orchestrator.cli.main import COMMANDS, Parser, Subcommand
from orchestrator.journal.events import events_schema
from orchestrator.manifest.schema import manifest_schema
from orchestrator.plan.schema import plan_schema
from orchestrator.report.results import results_schema

DOCS = Path(__file__).parents[1]

# Where the manual has more about a command: the title and the anchor.
IN_THE_MANUAL = {
    "apply": [("Output", "output"), ("Stopping a run", "stopping-a-run"), ("Exit codes", "exit-codes")],
    "cancel": [("Stopping a run", "stopping-a-run")],
    "completion": [("Completion", "completion")],
    "graph": [("Graphs", "graphs")],
    "logs": [("Inspecting runs", "inspecting-runs")],
    "report": [("Inspecting runs", "inspecting-runs"), ("The run directory", "the-run-directory")],
    "resume": [("Resuming a run", "resuming-a-run")],
    "runs": [("Inspecting runs", "inspecting-runs")],
    "status": [("Inspecting runs", "inspecting-runs")],
    "validate": [("Machine-readable diagnostics", "machine-readable-diagnostics")],
    "verify": [("Inspecting runs", "inspecting-runs")],
}

_API_HEAD = """\
# Python API

```python
import orchestrator as pexec
```

The package is called `orchestrator`. [An example](../manual.md#python-api) is in the manual; a report has the fields of
[`results_summary.json`](results.md). In the main thread, a run handles INT, TERM and HUP while it lasts, as
`pexec apply` does; in another thread it leaves signals to the program.
"""
_API = {
    "Functions": [f"orchestrator.{name}" for name in ("load", "make_plan", "run", "resume", "read_report")],
    "Results": ["orchestrator.Run"],
    "Errors": [
        "orchestrator.InvalidManifestError",
        *(f"orchestrator.errors.{name}" for name in ("PexecError", "UsageError", "RefusedError")),
        *(f"orchestrator.errors.{name}" for name in ("EnvironmentFailedError", "ExitCode")),
    ],
}

_MANIFEST_HEAD = """\
# Manifest keys

Every key of `pexec.yaml`, from the schema that editors use (`pexec schema manifest`). The [manual](../manual.md)
explains how they work together; a required key is marked, and every other one can be left out.
"""


def pages() -> Iterator[tuple[str, str]]:
    """The path of each page below `docs`, and its Markdown."""
    yield "reference/index.md", _index()
    yield "reference/manifest.md", manifest_page()
    yield "reference/events.md", events_page()
    yield "reference/results.md", object_page("Results", "`results_summary.json` of a run", results_schema())
    yield "reference/plan.md", object_page("Plan", "`plan.json` of a run and `pexec plan --format json`", plan_schema())
    yield "reference/exit-codes.md", section_page("manual.md", "Exit codes")
    yield "reference/python-api.md", _api_page()
    for command in COMMANDS.values():
        yield f"commands/{command.name}.md", command_page(command)


def command_page(command: Subcommand) -> str:
    """A command, from what its `--help` is made of."""
    parser = Parser(command)
    command.module().add_arguments(parser)
    parser.formatter_class = _wide
    vars(parser)["color"] = False  # Python 3.14 colors help on a terminal
    usage = parser.format_usage().partition("usage: ")[2].strip()
    arguments = [action for action in parser._actions if not action.option_strings]
    flags = [action for action in parser._actions if action.option_strings and action.dest != "help"]
    also = "".join(f" `pexec {alias}` is the same command." for alias in command.aliases)
    parts = [f"# pexec {command.name}\n", f"{parser.description}{also}\n", f"```text\n{usage}\n```\n"]
    width = max(len(line) for line, _ in EXAMPLES[command.name])
    examples = "".join(f"{line:<{width}}  # {what}\n" for line, what in EXAMPLES[command.name])
    parts.append(f"```sh\n{examples}```\n")
    for title, actions in (("Arguments", arguments), ("Flags", flags)):
        if shown := [action for action in actions if action.help != argparse.SUPPRESS]:
            rows = [[_spelling(action), _help(parser, action)] for action in shown]
            parts.append(f"## {title}\n\n" + table([title.lower().removesuffix("s"), "meaning"], rows))
    parts.append("With `-C DIR` the command changes to that directory first; `--help` shows this page.\n")
    links = [f"[{title}](../manual.md#{anchor})" for title, anchor in IN_THE_MANUAL.get(command.name, ())]
    if links:
        parts.append(f"In the manual: {', '.join(links)}.\n")
    return "\n".join(parts)


def _wide(prog: str) -> argparse.HelpFormatter:
    return argparse.HelpFormatter(prog, width=200)


def _spelling(action: argparse.Action) -> str:
    if not action.option_strings:
        return f"`{action.metavar}`"
    value = "" if action.nargs == 0 else f" {action.metavar or action.dest.upper()}"
    if isinstance(action.metavar, str) and action.metavar.startswith("="):
        value = f"[{action.metavar}]"
    return ", ".join(f"`{flag}{value}`" for flag in action.option_strings)


def _help(parser: argparse.ArgumentParser, action: argparse.Action) -> str:
    """The help of one argument, as `--help` prints it."""
    return parser._get_formatter()._expand_help(action) if action.help else ""


def manifest_page() -> str:
    """The keys of a manifest and of each section of it."""
    schema = manifest_schema()
    parts = [_MANIFEST_HEAD, "## Top level\n", key_table(schema, examples=True)]
    for name, section in schema["$defs"].items():
        parts += [f"## {name}\n", f"{section['description']}\n", key_table(section, examples=True)]
    return "\n".join(parts)


def events_page() -> str:
    """The events of the journal, and their fields."""
    schema = events_schema()
    kinds = schema["oneOf"]
    shared = [key for key in kinds[0]["properties"] if all(key in kind["properties"] for kind in kinds)]
    common = {key: kinds[0]["properties"][key] for key in shared if key != "event"}
    parts = [
        f"# Events\n\n{schema['description']} `pexec schema events` prints the JSON Schema.\n",
        "## Fields of every event\n",
        key_table({"properties": {**common, "event": {"type": "string", "description": "One of those below."}}}),
    ]
    for kind in kinds:
        own = {key: value for key, value in kind["properties"].items() if key not in shared}
        parts += [f"## {kind['title']}\n", key_table({"properties": own}) if own else "No other fields.\n"]
    return "\n".join(parts)


def object_page(title: str, what: str, schema: dict[str, Any]) -> str:
    """The fields of a JSON file, and of the objects in it."""
    parts = [f"# {title}\n", f"The fields of {what}. {schema['description']}\n", key_table(schema)]
    for key, value in schema["properties"].items():
        item = value.get("items", value)
        if item.get("properties"):
            parts += [f"## {key}\n", key_table(item)]
    for name, section in schema.get("$defs", {}).items():
        if section.get("properties"):
            parts += [f"## {name}\n", key_table(section)]
    return "\n".join(parts)


def section_page(page: str, heading: str) -> str:
    """A section of another page as a page of its own; its links still lead where they did."""
    text = (DOCS / page).read_text()
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    if found is None:
        raise ValueError(f"{page} has no section `{heading}`")
    body = re.sub(r"\]\(#", f"]({page}#", found.group(1))
    return f"# {heading}\n" + re.sub(r"\]\((?!https?:)", "](../", body)


def _api_page() -> str:
    """For mkdocstrings, which reads the signatures and docstrings."""
    parts = [f"## {title}\n\n" + "\n\n".join(f"::: {name}" for name in names) for title, names in _API.items()]
    return "\n\n".join([_API_HEAD, *parts])


def _index() -> str:
    lists = {
        "The manifest": [
            "[Manifest keys](manifest.md): every key of `pexec.yaml`",
            "[Manual](../manual.md): how the keys and commands work together",
        ],
        "Commands": [f"[`pexec {c.name}`](../commands/{c.name}.md): {c.summary}" for c in COMMANDS.values()],
        "Files and codes": [
            "[Events](events.md): the lines of `events.jsonl`",
            "[Results](results.md): `results_summary.json`",
            "[Plan](plan.md): `plan.json`",
            "[Exit codes](exit-codes.md)",
            "[Diagnostics](../diagnostics.md): every code, with an example and its fix",
        ],
        "Python": ["[Python API](python-api.md)"],
    }
    parts = [f"## {title}\n\n" + "".join(f"- {line}\n" for line in lines) for title, lines in lists.items()]
    return "# Reference\n\n" + "\n".join(parts)
