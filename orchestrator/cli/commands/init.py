"""`pexec init`: write a commented example manifest that is valid and runs."""

from __future__ import annotations

import argparse
import os
import shlex
from importlib.resources import files

from orchestrator.app.caller_directory import changed_directory, from_here
from orchestrator.app.invocation import DEFAULT_NAMES
from orchestrator.cli.main import Parser
from orchestrator.cli.newfile import STDOUT, write_new
from orchestrator.cli.options import names_manifest
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

        words, directory = _words_for(target), changed_directory()
        pexec = "pexec" if directory is None else f"pexec -C {visible(shlex.quote(directory))}"
        write_stderr(
            f"pexec: wrote {visible(from_here(target))}; show its plan with `{pexec} plan{words}`, "
            f"run it with `{pexec} apply{words}`\n"
        )
    return ExitCode.OK


def _words_for(target: str) -> str:
    """What names the manifest in a command; empty if pexec finds it without."""
    from orchestrator.console.text import visible

    if os.path.normpath(target) in DEFAULT_NAMES:
        return ""
    word = visible(shlex.quote(target))
    return f" {word}" if names_manifest(target) and not target.startswith("-") else f" --file={word}"


def first_manifest() -> str:
    """The text of the manifest."""
    return (files("orchestrator.cli") / "first_manifest.yaml").read_text("utf-8")
