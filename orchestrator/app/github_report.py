"""Reports a run that has ended to GitHub Actions: annotations and the job summary. Neither can fail the run."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable

from orchestrator.app.failure_logs import read_log_tails
from orchestrator.app.job_places import job_places
from orchestrator.console.streams import hidden, write_stderr
from orchestrator.console.text import size, visible
from orchestrator.journal.rundir import RunDir
from orchestrator.report.annotations import annotated_jobs, failed_jobs, render_annotations
from orchestrator.report.job_summary import MOST_TAILS, job_summary
from orchestrator.report.log_tail import LogTail
from orchestrator.report.model import RunReport

SUMMARY = "GITHUB_STEP_SUMMARY"  # the variable with the path of the file
MOST_BYTES = 1 << 20  # of that file; GitHub shows nothing of a larger one
_BLANK_LINE = "\n"  # which separates the summary from what is there


def report_to_github(rundir: RunDir, report: RunReport, post_commands: Callable[[str], None]) -> None:
    """Post the annotations of failed jobs, and append the run to the job summary."""
    shown = annotated_jobs(report)
    failed = failed_jobs(report, allowed=False) + failed_jobs(report, allowed=True)
    logs = dict.fromkeys(report.jobs[index].log_file for index in (*shown, *failed[:MOST_TAILS]))
    tails = read_log_tails(rundir, [log for log in logs if log is not None], github=False)
    if commands := render_annotations(report, job_places(report, shown), tails):
        post_commands(hidden(commands))
    if path := os.environ.get(SUMMARY):
        _append_summary(path, report, tails)


def _append_summary(path: str, report: RunReport, tails: dict[str, LogTail]) -> None:
    try:
        # A job may have replaced the file by something that cannot be written without waiting.
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
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
