"""`pexec init`: write a commented example manifest that is valid and runs."""

from __future__ import annotations

import argparse
from importlib.resources import files

from orchestrator.app.invocation import DEFAULT_NAMES
from orchestrator.cli.main import Parser
from orchestrator.cli.newfile import STDOUT, write_new
from orchestrator.console.streams import write_stderr
from orchestrator.errors import ExitCode
from orchestrator.journal.target_file import refuse_target


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec init`."""
    parser.usage = f"{parser.prog} [flags]"
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help=f"write to FILE, or to stdout with `-`, instead of {DEFAULT_NAMES[0]} in this directory",
    )


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, or 4 if there is a manifest already."""
    target = arguments.output
    if target is None:
        target = DEFAULT_NAMES[0]
        for name in DEFAULT_NAMES:
            refuse_target(name, replaces=False)  # `pexec.yml` too: of two manifests, one would be ignored
    write_new(target, first_manifest())
    if target != STDOUT:
        from orchestrator.console.text import visible

        write_stderr(f"pexec: wrote {visible(target)}; show its plan with `pexec plan`, run it with `pexec apply`\n")
    return ExitCode.OK


def first_manifest() -> str:
    """The text of the manifest."""
    return (files("orchestrator.cli") / "first_manifest.yaml").read_text("utf-8")
