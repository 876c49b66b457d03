"""`pexec explain`: explain a diagnostic code, with an example and its fix."""

from __future__ import annotations

import argparse

from orchestrator.cli.json_text import json_text
from orchestrator.cli.main import Parser
from orchestrator.cli.options import add_format
from orchestrator.console.streams import write_stdout
from orchestrator.diagnostics.model import CODES
from orchestrator.errors import ExitCode, UsageError


def add_arguments(parser: Parser) -> None:
    """The arguments of `pexec explain`."""
    parser.usage = f"{parser.prog} [CODE] [flags]"
    parser.add_argument(
        "code", metavar="CODE", nargs="?", help="the code in brackets, such as PX110 (default: list all codes)"
    )
    add_format(parser, "text", "json")


def run(arguments: argparse.Namespace) -> int:
    """Print one explanation, or the list of codes."""
    as_json = arguments.format == "json"
    if arguments.code is None:
        titles = [{"code": code, "title": title} for code, title in CODES.items()]
        lines = "".join(f"{code}  {title}\n" for code, title in CODES.items())
        write_stdout(json_text({"codes": titles}) if as_json else lines)
        return ExitCode.OK
    code = arguments.code.upper()
    if code not in CODES:
        raise UsageError(f"unknown code `{arguments.code}`", help=_hint(code))
    from orchestrator.diagnostics.explanation import explanation

    found = explanation(code)
    as_data = {"code": found.code, "title": found.title, "text": found.text}
    write_stdout(json_text(as_data) if as_json else f"{found.code}: {found.title}\n\n{found.text}")
    return ExitCode.OK


def _hint(code: str) -> str:
    """The help for an unknown code, which may lack the `PX`."""
    from orchestrator.diagnostics.suggest import did_you_mean

    full = "PX" + code.upper().removeprefix("PX")
    near = f"did you mean `{full}`?" if full in CODES else did_you_mean(full, CODES)
    return f"{near} `pexec explain` lists all codes".strip()
