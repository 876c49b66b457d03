"""`pexec archive`: pack a run directory into one file."""

from __future__ import annotations

import argparse
import os

from orchestrator.cli.json_text import json_text
from orchestrator.cli.main import Parser
from orchestrator.cli.run_arguments import add_format_and_root, add_run, chosen_run
from orchestrator.console.streams import write_stderr, write_stdout, write_text
from orchestrator.console.text import count, visible
from orchestrator.errors import ExitCode

MOST_NAMES = 5


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec archive`."""
    add_run(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="the file or directory to write to (default: archive_<run>.tar.gz in the run directory); an existing file "
        "is replaced, but never a link, pipe or device",
    )
    add_format_and_root(parser, "text", "json")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0; 4 while a process drives the run, and for a damaged journal, which users must know of before they
    remove the run."""
    from orchestrator.journal.archive import archive_name, write_archive
    from orchestrator.journal.reader import JournalReader

    with chosen_run(arguments) as one:
        one.lock()  # no process resumes it meanwhile
        for _ in JournalReader(one):
            pass  # verifies each line
        target = arguments.output
        if target is not None and os.path.isdir(target):
            target = os.path.join(target, archive_name(one.run_id))
        archived = write_archive(one, target)
    if archived.left_out:
        names = ", ".join(visible(name) for name in archived.left_out[:MOST_NAMES])
        what = count(len(archived.left_out), "link or special file", "links or special files")
        write_stderr(f"pexec: {what} in the run directory not packed: {names}\n")
    if arguments.format == "json":
        facts = {"path": archived.path, "files": archived.files, "bytes": archived.size}
        write_stdout(json_text({"run_id": one.run_id, **facts, "left_out": archived.left_out}))
    else:
        write_text(visible(archived.path) + "\n")
    return ExitCode.OK
