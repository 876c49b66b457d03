"""`pexec status`: show the progress of a run, once or until it ends."""

from __future__ import annotations

import argparse
import os
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
from orchestrator.console.streams import draws, wants_colour, write_stdout, write_text
from orchestrator.errors import ExitCode
from orchestrator.journal.rundir import RunDir
from orchestrator.report.progress import Snapshot
from orchestrator.report.progress_text import MOST_OF_A_KIND, SnapshotPlace, snapshot_text
from orchestrator.report.run_summary import RunSummary

EVERY = 0.25
SHARE = 0.1  # of the time at most is spent reading a large run
REDRAW = 1.0  # seconds; also if nothing happened, since elapsed times change


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


def _text(one: RunDir, snapshot: Snapshot) -> str:
    """The snapshot as text."""
    resume = ""
    if snapshot.state == "interrupted":
        from orchestrator.app.command_place import command_place

        resume = command_place(one, os.path.dirname(one.path)).command("resume")
    logs = [job.log_file for job in snapshot.running[:MOST_OF_A_KIND] if job.log_file is not None]
    place = SnapshotPlace(from_here(one.path), resume, _last_lines(one, logs))
    return snapshot_text(snapshot, place=place, colour=wants_colour(sys.stdout, os.environ))


def _last_lines(one: RunDir, logs: Sequence[str]) -> dict[str, str]:
    """The last line of each log that has one, in one visible line."""
    if not logs:
        return {}
    from orchestrator.app.failure_logs import read_latest_lines

    return read_latest_lines(one, logs)


def _seen(one: RunDir) -> Snapshot:
    progress = RunProgress(one)
    keep(progress)
    return progress.snapshot()


def _watch(one: RunDir, closing: RunSummary | None, form: str) -> int:
    if closing is None and form == "text" and draws(sys.stdout, os.environ):
        return _watch_on_terminal(one)
    first = True
    for snapshot in _snapshots(RunProgress(one)) if closing is None else (closing.snapshot,):
        if form == "json":
            is_read = write_stdout(json_text(snapshot, indent=None))
        else:
            is_read = write_text(("" if first else "\n") + _text(one, snapshot))
        first = False
        if not is_read:
            break
    return ExitCode.OK


class _Stdout:
    """The terminal, for what is drawn on it."""

    def write(self, text: str) -> None:
        write_stdout(text)


def _watch_on_terminal(one: RunDir) -> int:
    """Draw the run again and again, and print its state when it is over."""
    from orchestrator.app.run_watch import RunWatch
    from orchestrator.console.terminal import Terminal
    from orchestrator.observe.live_region import LiveRegion

    progress, terminal = RunProgress(one), Terminal(sys.stdout)
    watch = RunWatch(one, progress, colour=wants_colour(sys.stdout, os.environ), encoding=terminal.encoding)
    region = LiveRegion(_Stdout(), terminal)
    last = ""
    try:
        for snapshot in _snapshots(progress, REDRAW):
            size = terminal.size()
            lines = watch.lines(snapshot, size.width - 1, size.height - 1)
            # Before it is drawn: an interrupt may come as soon as it can be seen.
            last = _text(one, snapshot) if progress.is_over else "".join(f"{line}\n" for line in lines)
            region.prepare(lines, size.width)
            region.draw()
    finally:
        region.write(last)  # which stays, even after an interrupt
        region.prepare((), 0)
        region.draw()
    return ExitCode.OK


def _snapshots(progress: RunProgress, at_least_every: float | None = None) -> Iterator[Snapshot]:
    """One now, one after each change, and one after `at_least_every` seconds without; the last when the run is over."""
    began = time.monotonic()
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
