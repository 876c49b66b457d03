"""A run as JUnit XML, for systems that show test results: every planned job is a test case.

    a job that failed or timed out    <failure>
    a job that was lost               <error>: the infrastructure broke, not the job
    running when pexec was killed     <error>
    an allowed failure                <skipped> and <system-out>: reported, but does not fail the suite
    skipped, cancelled, not ended     <skipped>
    up to date                        <system-out> says so: it passed, in the run that it names

Attempts are shown as Maven Surefire shows reruns: of a job that succeeded after all, each failed attempt is a
<flakyFailure> (or <flakyError>, if it was lost); of any other job the first is the <failure>, and each further one a
<rerunFailure> (or <rerunError>). Each has the last lines of the attempt's log.

The document is valid under the schema of Jenkins' xUnit plugin, which pytest also follows. Characters that XML cannot
hold, and invisible ones, are shown by their code point.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree

from orchestrator.console.text import size, visible
from orchestrator.report.failed_attempts import FailedAttempt, FailedAttempts
from orchestrator.report.log_tail import LogTail
from orchestrator.report.model import CacheReport, JobReport, RunReport
from orchestrator.report.status import FAILED_STATUSES, Status

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NOT_IN_XML = re.compile("[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(report: RunReport, failed: FailedAttempts, tails: Mapping[str, LogTail]) -> str:
    """The whole document. `failed` has seen the same events as `report`; `tails` has the ends of its logs, by name."""
    driven = report.result == Status.RUNNING
    suite = ElementTree.Element("testsuite", {"name": visible(report.plan.name)})
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in _properties(report).items():
        ElementTree.SubElement(properties, "property", {"name": name, "value": value})
    for job, planned in zip(report.jobs, report.plan.jobs, strict=True):
        case = ElementTree.SubElement(
            suite,
            "testcase",
            {
                "classname": visible(planned.workflow),
                "name": visible(job.job_id),
                "time": _seconds(job.execution_time_seconds),
            },
        )
        _add_outcome(case, job, failed.of(job, driven=driven), tails, driven=driven)
        if isinstance(job.cache, CacheReport) and job.status is Status.SUCCESS and job.cache.state != "ran":
            ElementTree.SubElement(case, "system-out").text = f"up to date, as in run {job.cache.from_run}"
    numbers = {
        "tests": str(len(report.jobs)),
        "failures": str(len(suite.findall("testcase/failure"))),
        "errors": str(len(suite.findall("testcase/error"))),
        "time": _seconds(report.summary.wall_time_seconds),
    }
    suite.attrib |= numbers | {"skipped": str(len(suite.findall("testcase/skipped")))}
    if report.started_at is not None:
        suite.set("timestamp", report.started_at[:19])
    suites = ElementTree.Element("testsuites", {"name": visible(report.plan.name)} | numbers)
    suites.append(suite)
    ElementTree.indent(suites)
    return _DECLARATION + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _properties(report: RunReport) -> dict[str, str]:
    exit_code = "" if report.exit_code is None else str(report.exit_code)
    return {"run_id": report.run_id, "result": report.result, "exit_code": exit_code}


def _add_outcome(
    case: ElementTree.Element,
    job: JobReport,
    failed: Sequence[FailedAttempt],
    tails: Mapping[str, LogTail],
    *,
    driven: bool,
) -> None:
    """Add how the job ended, unless it succeeded, and its other failed attempts."""
    others, prefix = failed, "rerun"
    if job.status is Status.SUCCESS:
        prefix = "flaky"
    elif job.allowed:
        first, *others = failed
        ElementTree.SubElement(case, "skipped", {"message": _message(first, job)})
        ElementTree.SubElement(case, "system-out").text = f"{_details(first, job)}\n\n{_output(first, tails)}"
    elif job.status in FAILED_STATUSES or (job.status is Status.RUNNING and not driven):
        first, *others = failed
        problem = ElementTree.SubElement(case, _kind(first).lower(), _attributes(first, job))
        problem.text = f"{_details(first, job)}\n\n{_output(first, tails)}"
    else:
        words = "not started" if job.status is Status.PENDING and not driven else job.status.words
        ElementTree.SubElement(case, "skipped", {"message": _sentence(words, job.reason)})
    for attempt in others:
        again = ElementTree.SubElement(case, prefix + _kind(attempt), _attributes(attempt, job))
        ElementTree.SubElement(again, "stackTrace").text = _details(attempt, job)
        ElementTree.SubElement(again, "system-out").text = _output(attempt, tails)


def _kind(attempt: FailedAttempt) -> str:
    return "Failure" if attempt.status in (Status.FAILED, Status.TIMED_OUT) else "Error"


def _attributes(attempt: FailedAttempt, job: JobReport) -> dict[str, str]:
    return {"message": _message(attempt, job), "type": _name(attempt)}


def _message(attempt: FailedAttempt, job: JobReport) -> str:
    """`timed out (allowed): ran longer than 4 s (attempt 1 of 2)`."""
    words = _name(attempt).lower().replace("_", " ") + (" (allowed)" if job.allowed else "")
    which = f" (attempt {attempt.number} of {job.attempts})" if job.attempts > 1 else ""
    return _sentence(words, attempt.reason) + which


def _name(attempt: FailedAttempt) -> str:
    return "INTERRUPTED" if attempt.status is Status.RUNNING else attempt.status.value


def _sentence(words: str, reason: str) -> str:
    return f"{words}: {visible(reason)}" if reason else words


def _details(attempt: FailedAttempt, job: JobReport) -> str:
    lines = [
        f"status: {_name(attempt)}",
        *([f"attempt: {attempt.number} of {job.attempts}"] if attempt.number else []),
        *([] if attempt.exit_code is None else [f"exit code: {attempt.exit_code}"]),
        *([] if attempt.signal is None else [f"signal: {attempt.signal}"]),
        *([] if attempt.log is None else [f"log: {attempt.log}"]),
    ]
    return "\n".join(lines)


def _output(attempt: FailedAttempt, tails: Mapping[str, LogTail]) -> str:
    """The end of what the attempt printed, below a line that says what is missing."""
    if attempt.log is None:
        return "output: none"
    tail = tails.get(attempt.log)
    if tail is None:
        return "output: not available"
    if not tail.text:
        return f"output: not included, {size(tail.omitted)}" if tail.omitted else "output: none"
    title = f"output, without the first {size(tail.omitted)}:" if tail.omitted else "output:"
    return _NOT_IN_XML.sub(lambda found: visible(found.group()), f"{title}\n{tail.text}")


def _seconds(value: float) -> str:
    return f"{value:.3f}"
