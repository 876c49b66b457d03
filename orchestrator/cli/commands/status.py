"""`pexec status`: where a run stands, once or until it ends."""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import time
from collections.abc import Iterator

from orchestrator.app.look import Look, add_looking_arguments, add_run, as_json, chosen_run
from orchestrator.app.memory import keep
from orchestrator.app.summary import load_summary_unless_driven
from orchestrator.cli.main import Parser
from orchestrator.console.streams import write_stdout
from orchestrator.console.text import defused
from orchestrator.errors import ExitCode
from orchestrator.journal.rundir import RunDir
from orchestrator.report.progress import Progress, Snapshot
from orchestrator.report.progress_text import snapshot_text
from orchestrator.report.run_summary import RunSummary

EVERY = 0.25
SHARE = 0.1  # of the time, at most, goes into looking at a large run
REDRAW = 1.0  # on a terminal, also when nothing happened: seconds pass
_HOME_AND_CLEAR = "\x1b[H\x1b[2J"


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec status`."""
    add_run(parser)
    parser.add_argument(
        "-w", "--watch", action="store_true", help="go on until the run ends: redraw, or off a terminal print changes"
    )
    add_looking_arguments(parser, "text", "json")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, whatever the run's own is."""
    with chosen_run(arguments) as one:
        closing = load_summary_unless_driven(one)
        if arguments.watch:
            return _watch(one, closing, arguments.format)
        snapshot = closing.snapshot if closing is not None else _seen(one)
        write_stdout(as_json(snapshot) if arguments.format == "json" else _text(snapshot))
    return ExitCode.OK


def _seen(one: RunDir) -> Snapshot:
    look = Look(one)
    progress = Progress(look.plan, one.run_id)
    look.feed(progress.add)
    keep(look, progress)
    return _now(look, progress)


def _watch(one: RunDir, closing: RunSummary | None, form: str) -> int:
    redraws = form == "text" and sys.stdout.isatty() and os.environ.get("TERM") != "dumb"
    first = True
    for snapshot in _snapshots(one, REDRAW if redraws else None) if closing is None else (closing.snapshot,):
        if form == "json":
            text = as_json(snapshot, indent=None)
        elif redraws:
            text = _HOME_AND_CLEAR + _fitted(snapshot)
        else:
            text = ("" if first else "\n") + _text(snapshot)
        first = False
        if not write_stdout(text):
            break
    return ExitCode.OK


def _snapshots(one: RunDir, at_least_every: float | None) -> Iterator[Snapshot]:
    """One now, one after each change, and one when nothing changed for so long; the last when nobody drives the run."""
    look = Look(one)
    progress = Progress(look.plan, one.run_id)
    last = -1.0
    while True:
        began = time.monotonic()
        changed = look.feed(progress.add)
        over = progress.finished or not look.driven
        if changed or over or last < 0 or (at_least_every is not None and began - last >= at_least_every):
            last = began
            yield _now(look, progress)
        if over:
            return
        time.sleep(max(EVERY, (time.monotonic() - began) / SHARE))


def _now(look: Look, progress: Progress) -> Snapshot:
    return progress.snapshot(look.now(progress.at, progress.ts), driven=look.driven)


def _text(snapshot: Snapshot) -> str:
    return defused(snapshot_text(snapshot))


def _fitted(snapshot: Snapshot) -> str:
    """As much as the terminal has room for, its last line left free."""
    size = shutil.get_terminal_size()
    lines = snapshot_text(snapshot, size.columns).splitlines(keepends=True)
    return "".join(lines[: max(1, size.lines - 1)])
