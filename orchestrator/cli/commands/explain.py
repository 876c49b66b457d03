"""`pexec explain`: what a diagnostic means, by its code, with an example and its repair."""

from __future__ import annotations

import argparse

from orchestrator.cli.main import Parser
from orchestrator.console.streams import write_stdout
from orchestrator.diagnostics.model import CODES
from orchestrator.errors import ExitCode, UsageError


def add_arguments(parser: Parser) -> None:
    """The words of `pexec explain`."""
    parser.usage = f"{parser.prog} [CODE]"
    parser.add_argument(
        "code", metavar="CODE", nargs="?", help="what stands in brackets, such as PX110; by default all are listed"
    )


def run(arguments: argparse.Namespace) -> int:
    """Print one explanation, or the list of codes."""
    if arguments.code is None:
        write_stdout("".join(f"{code}  {title}\n" for code, title in CODES.items()))
        return ExitCode.OK
    code = arguments.code.upper()
    if code not in CODES:
        raise UsageError(f"there is no diagnostic `{arguments.code}`", help="`pexec explain` lists them all")
    from orchestrator.diagnostics.explanation import explanation

    told = explanation(code)
    write_stdout(f"{told.code}: {told.title}\n\n{told.text}")
    return ExitCode.OK
