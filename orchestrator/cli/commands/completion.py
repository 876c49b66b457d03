"""`pexec completion`: print a shell completion script, which argcomplete makes."""

from __future__ import annotations

import argparse

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
    from argcomplete.shell_integration import shellcode

    write_stdout(shellcode(["pexec"], use_defaults=False, shell=arguments.shell).lstrip("\n"))
    return ExitCode.OK
