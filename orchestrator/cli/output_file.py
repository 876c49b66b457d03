"""`-o FILE` of commands that print a report or a drawing: the file, and the format that its name implies."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping

from orchestrator.cli.newfile import STDOUT
from orchestrator.console.streams import write_stdout
from orchestrator.errors import EnvironmentFailedError, UsageError


def add_output_file(parser: argparse.ArgumentParser) -> None:
    """`-o`, `--output`."""
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="the file or directory to write to, `-` for stdout (default); the name implies the format if none is "
        "given; an existing file is replaced, but never a link, pipe or device",
    )


def format_of(form: str | None, output: str | None, by_suffix: Mapping[str, str], default: str) -> str:
    """The format that is named, or that the name of the output file implies; the default for stdout, a directory and a
    name without an extension. Raises UsageError for an extension that implies none."""
    suffix = os.path.splitext(output or "")[1].lower()
    if form is not None or not suffix or os.path.isdir(output or ""):
        return form or default
    if suffix not in by_suffix:
        *others, last = (f"`{known}`" for known in by_suffix)
        raise UsageError(
            f"the extension of `{output}` implies no format",
            help=f"use {', '.join(others)} or {last}, or choose a format with `--format`",
        )
    return by_suffix[suffix]


def output_path(output: str | None, name: str) -> str | None:
    """The file to write to; None for stdout. In a directory it gets this name."""
    if output is None or output == STDOUT:
        return None
    return os.path.join(output, name) if os.path.isdir(output) else output


def write_output(path: str | None, content: str | bytes) -> None:
    """Write to the file of `output_path`. Raises RefusedError (PX407) for a file that must not be replaced."""
    if path is None:
        write_stdout(content)
        return
    from orchestrator.journal.target_file import replace_target

    try:
        replace_target(path, content.encode("utf-8", "replace") if isinstance(content, str) else content)
    except OSError as error:
        why = (error.strerror or "").lower()
        raise EnvironmentFailedError(f"`{path}` cannot be written: {why}", code="PX302") from error
