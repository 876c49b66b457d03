"""`pexec status`: show the progress of a run, once or until it ends."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator, Sequence

from orchestrator.app.caller_directory import from_here
from orchestrator.app.process_memory import keep
from orchestrator.app.run_progress import RunProgress
from orchestrator.app.summary import load_summary_unless_driven
from orchestrator.cli.json_text import json_text
from orchestrator.cli.main import Parser
from orchestrator.cli.run_arguments import add_format_and_root, add_run, chosen_run
from orchestrator.console.streams import wants_colour, write_stdout, write_text
from orchestrator.console.text import clip, visible
from orchestrator.errors import ExitCode
from orchestrator.journal.rundir import RunDir
from orchestrator.report.progress import Snapshot
from orchestrator.report.progress_text import MOST_OF_A_KIND, SnapshotPlace, snapshot_text
from orchestrator.report.run_summary import RunSummary

EVERY = 0.25
SHARE = 0.1  # of the time at most is spent reading a large run
REDRAW = 1.0  # seconds; also if nothing happened, since elapsed times change
WIDEST_LINE = 200  # columns of the last line of a log
_HOME_AND_CLEAR = "\x1b[H\x1b[2J"


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec status`."""
    add_run(parser)
    parser.add_argument(
        "-w",
        "--watch",
        action="store_true",
        help="update until the run ends; redraws on a terminal, otherwise prints each change",
    )
    add_format_and_root(parser, "text", "json")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, whatever the exit code of the run is."""
    with chosen_run(arguments) as one:
        closing = load_summary_unless_driven(one)
        if arguments.watch:
            return _watch(one, closing, arguments.format)
        snapshot = closing.snapshot if closing is not None else _seen(one)
        if arguments.format == "json":
            write_stdout(json_text(snapshot))
        else:
            write_text(_text(one, snapshot))
    return ExitCode.OK


def _text(one: RunDir, snapshot: Snapshot, width: int | None = None) -> str:
    """The snapshot as text; with `width`, no line has more columns."""
    resume = ""
    if snapshot.state == "interrupted":
        from orchestrator.app.command_place import command_place

        resume = command_place(one, os.path.dirname(one.path)).command("resume")
    logs = [job.log_file for job in snapshot.running[:MOST_OF_A_KIND] if job.log_file is not None]
    place = SnapshotPlace(from_here(one.path), resume, _last_lines(one, logs))
    return snapshot_text(snapshot, width, place=place, colour=wants_colour(sys.stdout, os.environ))


def _last_lines(one: RunDir, logs: Sequence[str]) -> dict[str, str]:
    """The last line of each log that has one, in one visible line."""
    if not logs:
        return {}
    from orchestrator.app.failure_logs import read_last_lines

    last = {name: read_last_lines(one, name, 1, github=False).lines for name in logs}
    return {name: clip(visible(lines[0].strip()), WIDEST_LINE) for name, lines in last.items() if lines}


def _seen(one: RunDir) -> Snapshot:
    progress = RunProgress(one)
    keep(progress)
    return progress.snapshot()


def _watch(one: RunDir, closing: RunSummary | None, form: str) -> int:
    redraws = form == "text" and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    first = True
    for snapshot in _snapshots(one, REDRAW if redraws else None) if closing is None else (closing.snapshot,):
        if form == "json":
            is_read = write_stdout(json_text(snapshot, indent=None))
        elif redraws:
            is_read = write_stdout(_HOME_AND_CLEAR + _fitted(one, snapshot))
        else:
            is_read = write_text(("" if first else "\n") + _text(one, snapshot))
        first = False
        if not is_read:
            break
    return ExitCode.OK


def _snapshots(one: RunDir, at_least_every: float | None) -> Iterator[Snapshot]:
    """One now, one after each change, and one after `at_least_every` seconds without; the last when the run is over."""
    began = time.monotonic()
    progress = RunProgress(one)
    changed = True
    last = began
    while True:
        if changed or progress.is_over or (at_least_every is not None and began - last >= at_least_every):
            last = began
            yield progress.snapshot()
        if progress.is_over:
            return
        time.sleep(max(EVERY, (time.monotonic() - began) / SHARE))
        began = time.monotonic()
        changed = progress.update()


def _fitted(one: RunDir, snapshot: Snapshot) -> str:
    """As much as fits the terminal, leaving its last line free."""
    size = shutil.get_terminal_size()
    lines = _text(one, snapshot, size.columns).splitlines(keepends=True)
    return "".join(lines[: max(1, size.lines - 1)])
