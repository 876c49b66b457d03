"""Reports a run that has ended to GitHub Actions: annotations and the job summary. Neither can fail the run.

The errors of a manifest that cannot run are annotations too.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Sequence
from contextlib import suppress

from orchestrator.app.failure_logs import read_log_tails
from orchestrator.app.job_places import job_places
from orchestrator.console.ci import ci_service
from orchestrator.console.streams import hidden, write_commands, write_stderr
from orchestrator.console.text import size, visible
from orchestrator.diagnostics.model import Diagnostic, Severity
from orchestrator.errors import PexecError
from orchestrator.journal.rundir import RunDir
from orchestrator.report.annotations import MOST, JobPlace, annotated_jobs, failed_jobs, render_annotations
from orchestrator.report.job_summary import MOST_TAILS, job_summary
from orchestrator.report.log_tail import LogTail
from orchestrator.report.model import RunReport

SUMMARY = "GITHUB_STEP_SUMMARY"  # the variable with the path of the file
MOST_BYTES = 1 << 20  # of that file; GitHub shows nothing of a larger one
# A job may have replaced the file by a link, or by something that cannot be written without waiting.
_FLAGS = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
_BLANK_LINE = "\n"  # which separates the summary from what is there


def annotate_diagnostics(path: str, diagnostics: Sequence[Diagnostic]) -> None:
    """Write the diagnostics of the manifest at `path` as annotations too, where GitHub reads them."""
    if ci_service() != "github":
        return
    from orchestrator.diagnostics.render_github import render_github

    for severity in (Severity.ERROR, Severity.WARNING):
        found = [diagnostic for diagnostic in diagnostics if diagnostic.severity is severity]
        write_commands(render_github((path, diagnostic) for diagnostic in found[:MOST]))


def report_to_github(rundir: RunDir, report: RunReport, post_commands: Callable[[str], None]) -> None:
    """Post the annotations of failed jobs, and append the run to the job summary."""
    shown = annotated_jobs(report)
    failed = failed_jobs(report, allowed=False) + failed_jobs(report, allowed=True)
    logs = dict.fromkeys(report.jobs[index].log_file for index in (*shown, *failed[:MOST_TAILS]))
    tails = read_log_tails(rundir, [log for log in logs if log is not None], github=False)
    places: dict[int, JobPlace] = {}
    with suppress(OSError, PexecError):  # a job may have removed the current directory
        places = job_places(report, shown)
    if commands := render_annotations(report, places, tails):
        post_commands(hidden(commands))
    if path := os.environ.get(SUMMARY):
        _append_summary(path, report, tails)


def _append_summary(path: str, report: RunReport, tails: dict[str, LogTail]) -> None:
    try:
        descriptor = os.open(path, _FLAGS)
        try:
            _write_summary(descriptor, report, tails)
        finally:
            os.close(descriptor)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        write_stderr(f"warning: the job summary cannot be written to `{visible(path)}`: {reason}\n")


def _write_summary(descriptor: int, report: RunReport, tails: dict[str, LogTail]) -> None:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode):
        raise OSError(0, "it is not a file")
    room = MOST_BYTES - status.st_size - len(_BLANK_LINE)
    data = hidden(job_summary(report, tails, room)).encode("utf-8", "replace")
    if not data or len(data) > room:
        write_stderr(f"warning: the run is not in the job summary, which has {size(status.st_size)} already\n")
        return
    data = _BLANK_LINE.encode() + data if status.st_size else data
    while data:
        data = data[os.write(descriptor, data) :]
