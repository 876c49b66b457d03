"""The failed jobs of a run as annotations, with which GitHub shows them at a line of the repository."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from orchestrator.console.text import count, visible
from orchestrator.console.workflow_commands import workflow_command
from orchestrator.report.log_tail import LogTail
from orchestrator.report.model import RunReport
from orchestrator.report.status import FAILED_STATUSES

MOST = 10  # GitHub shows no more of a kind
LINES = 10
_LONGEST_REASON = 400
_LONGEST_LINE = 300  # together less than the 4096 characters that GitHub shows
_LONGEST_TITLE = 150
_MOST_NAMES = 100
_DEADLINE = "deadline"


class JobPlace(NamedTuple):
    """Where a job is declared, or which line of its runbook failed. `file` is relative to the repository's root."""

    file: str
    line: int | None


def failed_jobs(report: RunReport, *, allowed: bool) -> list[int]:
    """The jobs (by index) that failed, timed out or were lost, in the order in which they did."""
    jobs = report.jobs
    found = [index for index, job in enumerate(jobs) if job.status in FAILED_STATUSES and job.allowed is allowed]
    return sorted(found, key=lambda index: report.ended[index])


def annotated_jobs(report: RunReport) -> list[int]:
    """The jobs that `render_annotations` shows one by one."""
    failed, allowed = failed_jobs(report, allowed=False), failed_jobs(report, allowed=True)
    return [*_shown(failed, _room_for_errors(report)), *_shown(allowed, MOST)]


def render_annotations(report: RunReport, places: Mapping[int, JobPlace], tails: Mapping[str, LogTail]) -> str:
    """Workflow commands: an `error` for each failed job, a `warning` for each allowed failure, at most ten of each.

    `places` and `tails` (by the names of logs) are those of `annotated_jobs`, as far as they are known.
    """
    lines: list[str] = []
    if report.cancelled_by == _DEADLINE:
        lines.append(workflow_command("error", "the deadline of the run has passed", {"title": "run timed out"}))
    for kind, allowed, room in (("error", False, _room_for_errors(report)), ("warning", True, MOST)):
        failed = failed_jobs(report, allowed=allowed)
        shown = _shown(failed, room)
        lines += (_annotation(kind, report, index, places.get(index), tails) for index in shown)
        if rest := failed[len(shown) :]:
            names = ", ".join(visible(report.jobs[index].job_id) for index in rest[:_MOST_NAMES])
            title = f"{count(len(rest), 'more job')} failed"
            lines.append(workflow_command(kind, _cut(names, _LONGEST_REASON), {"title": title}))
    return "".join(lines)


def _room_for_errors(report: RunReport) -> int:
    return MOST - (report.cancelled_by == _DEADLINE)


def _shown(failed: list[int], room: int) -> list[int]:
    """One is left for the number of the others, if there are more than are shown."""
    return failed if len(failed) <= room else failed[: room - 1]


def _annotation(kind: str, report: RunReport, index: int, place: JobPlace | None, tails: Mapping[str, LogTail]) -> str:
    job = report.jobs[index]
    properties: dict[str, str | int] = {}
    if place is not None:
        properties["file"] = place.file
        if place.line is not None:
            properties["line"] = place.line
    allowed = " (allowed)" if job.allowed else ""
    properties["title"] = f"{_cut(visible(job.job_id), _LONGEST_TITLE)} {job.status.phrase}{allowed}"
    reason = _cut(visible(job.reason), _LONGEST_REASON) or job.status.phrase
    attempts = f" (after {count(job.attempts, 'attempt')})" if job.attempts > 1 else ""
    message = "\n".join([reason + attempts, *_last_lines(tails.get(job.log_file or ""))])
    return workflow_command(kind, message, properties)


def _last_lines(tail: LogTail | None) -> Iterator[str]:
    lines = [] if tail is None else tail.text.rstrip().split("\n")[-LINES:]
    return (_cut(visible(line.replace("\t", "    ")), _LONGEST_LINE) for line in lines if line)


def _cut(text: str, most: int) -> str:
    """By characters: those that take no column count in a message too."""
    return text if len(text) <= most else text[: most - 1] + "…"
