"""`pexec report`: print a run's report; after a crash it also regenerates the files of the run."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Mapping
from typing import Any

from orchestrator.app.find_run import Look
from orchestrator.app.page_context import page_context
from orchestrator.app.process_memory import keep
from orchestrator.app.summary import is_unchanged, load_summary_unless_driven
from orchestrator.cli.json_text import json_text
from orchestrator.cli.main import Parser
from orchestrator.cli.run_arguments import add_format_and_root, add_run, chosen_run
from orchestrator.console.streams import on_github, write_stderr, write_stdout
from orchestrator.errors import EnvironmentFailedError, ExitCode, RefusedError
from orchestrator.journal.file_names import HTML_REPORT, REPORT, RESULTS
from orchestrator.journal.reader import JournalReader
from orchestrator.journal.rundir import RunDir
from orchestrator.report.failed_attempts import FailedAttempts
from orchestrator.report.fold_events import RunFold
from orchestrator.report.model import RunReport
from orchestrator.report.results import results_file, results_summary
from orchestrator.report.timeline_bars import Timeline


def add_arguments(parser: Parser) -> None:
    """The flags of `pexec report`."""
    add_run(parser)
    add_format_and_root(parser, "md", "html", "json", "junit")


def run(arguments: argparse.Namespace) -> int:
    """Exit code 0, whatever the exit code of the run is."""
    with chosen_run(arguments) as one:
        closing = load_summary_unless_driven(one)
        name = _file_of(arguments.format)
        if closing is not None and name is not None and is_unchanged(one, closing, RESULTS, REPORT, HTML_REPORT):
            content = one.read(name)
            write_stdout(content if name == RESULTS else content.decode())
            return ExitCode.OK
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
        text = _rendered(arguments.format, one, report, timeline, failed)
    write_stdout(text)
    return ExitCode.OK


def _file_of(form: str) -> str | None:
    """The file of a run that holds its report exactly as printed in this format, if there is one."""
    if form == "json" and sys.stdout.isatty():
        return None
    return {"md": REPORT, "html": HTML_REPORT, "json": RESULTS}.get(form)


def _rendered(form: str, run: RunDir, report: RunReport, timeline: Timeline, failed: FailedAttempts) -> str | bytes:
    """The content of the run's file. Only JSON on a terminal differs: it is ASCII, without control characters."""
    match form:
        case "html":
            from orchestrator.report.html import html_report

            return html_report(report, timeline, failed, page_context(run, report, failed, github=_is_read_by_github()))
        case "junit":
            return _junit(run, report, failed)
        case "json":
            return json_text(results_summary(report)) if sys.stdout.isatty() else results_file(report)
        case _:
            from orchestrator.report.markdown import execution_report

            return execution_report(report)


def _junit(run: RunDir, report: RunReport, failed: FailedAttempts) -> str:
    """JUnit XML, which no file of the run holds."""
    from orchestrator.app.failure_logs import read_log_tails
    from orchestrator.report.junit import junit_xml

    return junit_xml(report, failed, read_log_tails(run, failed.logs(report), github=_is_read_by_github()))


def _is_read_by_github() -> bool:
    """Whether GitHub's runner looks for commands in what is printed."""
    from orchestrator.cli.log_printer import is_regular_file

    return on_github() and not is_regular_file(sys.stdout.fileno())


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
