"""`pexec archive`: a run folder as one file."""

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
        help="where to put it, a file or a folder (default: archive_<run>.tar.gz in the run folder); an older file of "
        "this name is replaced",
    )
    add_format_and_root(parser, "text", "json")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0; 4 while the run is driven by somebody, and for a damaged journal: who packs runs, maybe to remove
    them later, is to hear of it."""
    from orchestrator.journal.archive import archive_name, write_archive
    from orchestrator.journal.reader import JournalReader

    with chosen_run(arguments) as one:
        one.lock()  # nobody goes on with it meanwhile
        for _ in JournalReader(one):
            pass  # each line is proved
        target = arguments.output
        if target is not None and os.path.isdir(target):
            target = os.path.join(target, archive_name(one.run_id))
        archived = write_archive(one, target)
    if archived.left_out:
        names = ", ".join(visible(name) for name in archived.left_out[:MOST_NAMES])
        told = count(len(archived.left_out), "link or special file")
        write_stderr(f"pexec: {told} in the run folder left out: {names}\n")
    if arguments.format == "json":
        facts = {"path": archived.path, "files": archived.files, "bytes": archived.size}
        write_stdout(json_text({"run_id": one.run_id, **facts, "left_out": archived.left_out}))
    else:
        write_text(visible(archived.path) + "\n")
    return ExitCode.OK
