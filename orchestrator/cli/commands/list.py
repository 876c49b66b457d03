"""`pexec list`: show what can be run, with descriptions, tags and parameters."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from orchestrator.app.invocation import find_manifest
from orchestrator.cli.json_text import json_text
from orchestrator.cli.main import Parser
from orchestrator.cli.options import add_format, add_manifest, one_manifest
from orchestrator.console.streams import wants_colour, write_stdout, write_text
from orchestrator.console.text import columns, count, first_line, pad, visible
from orchestrator.console.theme import BOLD, FAINT, painted
from orchestrator.errors import ExitCode

if TYPE_CHECKING:
    from orchestrator.app.manifest_listing import ListedParameter, ListedWorkflow, Listing
    from orchestrator.manifest.scalars import Value

_WIDEST_NAME = 32


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec list`."""
    add_manifest(parser)
    add_format(parser, "text", "json")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, or 3 if the manifest has an error."""
    from orchestrator.app.manifest_listing import list_manifest
    from orchestrator.app.planning import print_diagnostics

    result, listing = list_manifest(one_manifest(arguments.manifest, arguments.file) or find_manifest())
    print_diagnostics(result)
    if listing is None:
        return ExitCode.INVALID
    if arguments.format == "json":
        write_stdout(json_text(listing))
    else:
        write_text("\n".join(_lines(listing, colour=wants_colour(sys.stdout, os.environ))) + "\n")
    return ExitCode.OK


def _lines(listing: Listing, *, colour: bool) -> Iterator[str]:
    described = f": {visible(listing.description)}" if listing.description else ""
    yield painted(visible(listing.name), BOLD, colour=colour) + described
    names = [*(one.name for one in listing.workflows), *(one.name for one in listing.params)]
    width = min(max((columns(visible(name)) for name in names), default=0), _WIDEST_NAME)
    default = [one for one in listing.workflows if not one.manual]
    manual = [one for one in listing.workflows if one.manual]
    for title, workflows in (("workflows", default), ("manual: only when named", manual)):
        if workflows:
            yield from ("", painted(title, BOLD, colour=colour))
            yield from (_row(one.name, one.description, _notes(one), width, colour=colour) for one in workflows)
    if listing.params:
        yield from ("", painted("parameters (`--set NAME=VALUE`)", BOLD, colour=colour))
        yield from (_row(one.name, one.description, _values(one), width, colour=colour) for one in listing.params)


def _row(name: str, description: str, notes: Sequence[str], width: int, *, colour: bool) -> str:
    """One line: the name, the first line of the description, and notes in parentheses."""
    noted = painted(f"({'; '.join(notes)})", FAINT, colour=colour) if notes else ""
    text = [first_line(description), noted]
    return f"  {pad(visible(name), width)}  {' '.join(filter(None, text))}".rstrip()


def _notes(workflow: ListedWorkflow) -> list[str]:
    notes = []
    if workflow.group:
        notes.append("group")
    if len(workflow.jobs) > 1:
        notes.append(count(len(workflow.jobs), "job"))
    if workflow.tags:
        notes.append(f"{'tag' if len(workflow.tags) == 1 else 'tags'} {', '.join(map(visible, workflow.tags))}")
    if workflow.left_out is not None:
        part = "" if not workflow.jobs else "partly "
        notes.append(f"{part}left out: {visible(workflow.left_out)}")
    return notes


def _values(param: ListedParameter) -> list[str]:
    notes = [f"default {_value(param.default)}" if param.default is not None else "required"]
    if param.value is not None and param.value != param.default:
        notes.append(f"now {_value(param.value)}")
    if param.choices is not None:
        notes.append(f"one of {', '.join(_value(choice) for choice in param.choices)}")
    return notes


def _value(value: Value) -> str:
    from orchestrator.console.text import value_text

    return visible(value_text(value)) or "empty"
