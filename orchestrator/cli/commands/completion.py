"""`pexec completion`: print a shell completion script, generated from the parsers of the commands."""

from __future__ import annotations

import argparse
import importlib

from orchestrator.cli.main import Parser
from orchestrator.cli.options import one_of
from orchestrator.console.streams import write_stdout
from orchestrator.errors import ExitCode

SHELLS = ("bash", "zsh", "fish")


def add_arguments(parser: Parser) -> None:
    """The arguments of `pexec completion`."""
    parser.usage = f"{parser.prog} {'|'.join(SHELLS)}"
    parser.add_argument("shell", metavar="SHELL", type=one_of(*SHELLS), help="bash, zsh or fish")


def run(arguments: argparse.Namespace) -> int:
    """Print the script for one shell."""
    from orchestrator.cli.completion.shape import shapes

    module = importlib.import_module(f"orchestrator.cli.completion.{arguments.shell}")
    write_stdout(getattr(module, f"{arguments.shell}_script")(shapes()))
    return ExitCode.OK
