"""`pexec report`: print a run's report; after a crash it also regenerates the files of the run."""

from __future__ import annotations

import argparse
import itertools
import os
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.app.caller_directory import from_here
from orchestrator.app.find_run import Look
from orchestrator.app.page_context import page_context
from orchestrator.app.process_memory import keep
from orchestrator.app.summary import is_unchanged, load_summary_unless_driven
from orchestrator.cli.browser import open_page
from orchestrator.cli.json_text import json_text
from orchestrator.cli.main import Parser
from orchestrator.cli.options import add_format, add_run_root
from orchestrator.cli.output_file import add_output_file, format_of, output_path, write_output
from orchestrator.cli.run_arguments import add_run, chosen_run
from orchestrator.console.streams import on_github, write_stderr, write_text
from orchestrator.console.text import visible
from orchestrator.errors import EnvironmentFailedError, ExitCode, RefusedError, UsageError
from orchestrator.journal.file_names import HTML_REPORT, REPORT, RESULTS
from orchestrator.journal.reader import JournalReader
from orchestrator.journal.rundir import RunDir
from orchestrator.report.failed_attempts import FailedAttempts
from orchestrator.report.fold_events import RunFold
from orchestrator.report.model import RunReport
from orchestrator.report.results import results_file, results_summary
from orchestrator.report.timeline_bars import Timeline

_NAMES = {"md": REPORT, "html": HTML_REPORT, "json": RESULTS, "junit": "junit.xml"}
_FILES = {form: name for form, name in _NAMES.items() if form != "junit"}  # that are in the run directory
_SUFFIXES = {".md": "md", ".html": "html", ".htm": "html", ".json": "json", ".xml": "junit"}


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec report`."""
    add_run(parser)
    add_format(parser, *_NAMES, default=None)
    add_output_file(parser)
    parser.add_argument(
        "--open", action="store_true", help="open the HTML report in a browser: that of the run directory, or FILE"
    )
    add_run_root(parser)


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, whatever the exit code of the run is; 4 if `--open` finds no browser."""
    form = format_of(arguments.format, arguments.output, _SUFFIXES, "html" if arguments.open else "md")
    path = output_path(arguments.output, _NAMES[form])
    if arguments.open and form != "html":
        raise UsageError(f"`--open` opens the HTML report, not `{form}`", help="remove `--format`, or use `html`")
    with chosen_run(arguments) as one:
        content = _content(one, form, path)
        if arguments.open and path is None:
            path = _page_of(one)
        else:
            write_output(path, content)
    if arguments.open and path is not None:
        open_page(path)
        write_text(f"{visible(from_here(path))}\n")
    return ExitCode.OK


def _content(one: RunDir, form: str, path: str | None) -> str | bytes:
    """The report in this format, to be written to `path`. Brings the files of a run that no process drives up to date
    with its journal."""
    is_moved = form == "html" and path is not None  # its links to logs are other ones
    name = None if is_moved or (form == "json" and path is None and sys.stdout.isatty()) else _FILES.get(form)
    closing = load_summary_unless_driven(one)
    if closing is not None and name is not None and is_unchanged(one, closing, RESULTS, REPORT, HTML_REPORT):
        content = one.read(name)
        return content if name == RESULTS else content.decode()
    look = Look(one)
    fold = RunFold(look.plan)
    timeline = Timeline(look.plan, fold.index_of)
    failed = FailedAttempts()
    look.feed(fold.add, timeline.add, failed.add)
    keep(look, fold)
    endings: list[Mapping[str, Any]] = []
    if not look.driven and fold.report().exit_code is None:
        endings.append(_interruption(timeline.end))
        fold.add(endings[0])
    report = fold.report()
    if not look.driven and not _is_current(one, report):
        _regenerate_files(look, endings)
    match form:
        case "html":
            from orchestrator.report.html import html_report

            context = page_context(
                one, report, failed, log_base=_log_base(one, path), github=path is None and _is_read_by_github()
            )
            return html_report(report, timeline, failed, context)
        case "junit":
            return _junit(one, report, failed, github=path is None and _is_read_by_github())
        case "json":
            # On a terminal it is ASCII, without control characters.
            shown = path is None and sys.stdout.isatty()
            return json_text(results_summary(report)) if shown else results_file(report)
        case _:
            from orchestrator.report.markdown import execution_report

            return execution_report(report)


def _junit(run: RunDir, report: RunReport, failed: FailedAttempts, *, github: bool) -> str:
    """JUnit XML, which no file of the run holds."""
    from orchestrator.app.failure_logs import read_log_tails
    from orchestrator.report.junit import junit_xml

    return junit_xml(report, failed, read_log_tails(run, failed.logs(report), github=github))


def _is_read_by_github() -> bool:
    """Whether GitHub's runner looks for commands in what is printed."""
    from orchestrator.cli.log_printer import is_regular_file

    return on_github() and not is_regular_file(sys.stdout.fileno())


def _log_base(run: RunDir, path: str | None) -> str:
    """The URL that leads from a page to the run directory."""
    if path is None:
        return ""
    from urllib.parse import quote

    return quote(os.path.relpath(run.path, os.path.dirname(os.path.abspath(path)))) + "/"


def _page_of(run: RunDir) -> str:
    """The page in the run directory, which is written when the run ends. Raises RefusedError if there is none."""
    path = run.path_of(HTML_REPORT)
    if not os.path.isfile(path):
        raise RefusedError(
            f"run `{run.run_id}` has no `{HTML_REPORT}` yet: it is written when the run ends",
            help="`pexec report --open -o report.html` writes one now",
            code="PX415",
        )
    return path


def _interruption(at: float) -> Mapping[str, Any]:
    """The event that stands in for the missing end in the journal of an interrupted run."""
    return {"event": "run.finished", "at": at, "result": "INTERRUPTED", "exit_code": None, "wall_seconds": at}


def _is_current(run: RunDir, report: RunReport) -> bool:
    """Whether the files of the run agree with its journal."""
    try:
        return run.read(RESULTS) == results_file(report) and bool(run.read(REPORT)) and bool(run.read(HTML_REPORT))
    except EnvironmentFailedError:
        return False


def _regenerate_files(look: Look, endings: list[Mapping[str, Any]]) -> None:
    """Regenerate the files of a run that no process drives from its journal. The report is shown even if this fails."""
    from orchestrator.observe.run_files import RunFiles

    events: Iterator[Mapping[str, Any]] = itertools.chain(JournalReader(look.run), endings)
    try:
        look.run.lock()
        RunFiles(look.run, look.plan, events, page_context=page_context).close()
    except RefusedError:
        return  # another process has just resumed the run and writes them
    except EnvironmentFailedError as failure:
        write_stderr(f"pexec: the run's files could not be updated: {failure.message}\n")
