"""What is printed when a run has ended: its jobs, its failures with the ends of the logs, the totals, what is next."""

from __future__ import annotations

import os
import sys

from orchestrator.app.caller_directory import from_here
from orchestrator.app.command_place import command_place
from orchestrator.app.failure_logs import read_last_lines
from orchestrator.app.screen import colours_own_text
from orchestrator.console.streams import on_github
from orchestrator.console.terminal import Terminal, shown_encoding
from orchestrator.console.theme import is_utf8
from orchestrator.journal.file_names import HTML_REPORT
from orchestrator.journal.rundir import RunDir
from orchestrator.report.closing_table import closing_table
from orchestrator.report.failure_digest import Look, digest, tails_wanted
from orchestrator.report.model import RunReport
from orchestrator.report.totals import CommandPlace, totals


def closing_text(report: RunReport, rundir: RunDir, run_root: str, summary: str) -> str:
    """The text for stderr. `summary` is one of `settings.SUMMARIES`."""
    colour = colours_own_text(sys.stderr)
    width = _width()
    directory = from_here(rundir.path)
    tails = {
        name: read_last_lines(rundir, name, lines, github=on_github()) for name, lines in tails_wanted(report).items()
    }
    utf8 = is_utf8(shown_encoding(sys.stderr, os.environ))
    look = Look(utf8=utf8, colour=colour)
    parts = [
        closing_table(report, summary=summary, width=width, colour=colour, utf8=utf8),
        digest(report, tails, directory, look),
        totals(
            report,
            os.path.join(directory, HTML_REPORT),
            width=width,
            colour=colour,
            utf8=utf8,
            place=CommandPlace() if report.exit_code == 0 else command_place(rundir, run_root),
        ),
    ]
    return "\n".join(part for part in parts if part)


def _width() -> int | None:
    """The columns of the terminal; None where there is none, and nothing is cut."""
    if not sys.stderr.isatty():
        return None
    wanted = os.environ.get("COLUMNS", "")
    if wanted.isdecimal() and int(wanted) > 0:
        return int(wanted)
    return Terminal(sys.stderr).size().width
