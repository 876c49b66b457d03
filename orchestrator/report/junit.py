"""A run as JUnit XML, for systems that show test results: every planned job is a test case.

    FAILED, TIMED_OUT    <failure>
    LOST                 <error>: the infrastructure broke, not the job
    allowed failure      <skipped>: reported, but does not fail the suite
    SKIPPED, CANCELLED,
    not ended            <skipped>

Characters that XML cannot hold, and invisible ones, are shown by their code point.
"""

from __future__ import annotations

from xml.etree import ElementTree

from orchestrator.console.text import visible
from orchestrator.report.model import JobReport, RunReport
from orchestrator.report.status import FAILED_STATUSES, Status

_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'


def junit_xml(report: RunReport) -> str:
    """The whole document."""
    suite = ElementTree.Element("testsuite", {"name": visible(report.plan.name)})
    properties = ElementTree.SubElement(suite, "properties")
    for name, value in _properties(report).items():
        ElementTree.SubElement(properties, "property", {"name": name, "value": value})
    for job, planned in zip(report.jobs, report.plan.jobs, strict=True):
        suite.append(_case(job, visible(planned.workflow)))
    numbers = {
        "tests": str(len(report.jobs)),
        "failures": str(len(suite.findall("testcase/failure"))),
        "errors": str(len(suite.findall("testcase/error"))),
        "skipped": str(len(suite.findall("testcase/skipped"))),
        "time": _seconds(report.summary.wall_time_seconds),
    }
    suite.attrib |= numbers
    if report.started_at is not None:
        suite.set("timestamp", report.started_at[:19])
    suites = ElementTree.Element("testsuites", {"name": visible(report.plan.name)} | numbers)
    suites.append(suite)
    ElementTree.indent(suites)
    return _DECLARATION + ElementTree.tostring(suites, encoding="unicode") + "\n"


def _properties(report: RunReport) -> dict[str, str]:
    exit_code = "" if report.exit_code is None else str(report.exit_code)
    return {"run_id": report.run_id, "result": report.result, "exit_code": exit_code}


def _case(job: JobReport, workflow: str) -> ElementTree.Element:
    name = visible(job.job_id)
    case = ElementTree.Element(
        "testcase", {"classname": workflow, "name": name, "time": _seconds(job.execution_time_seconds)}
    )
    reason = visible(job.reason)
    if job.status is Status.SUCCESS:
        return case
    if job.allowed:
        message = f"{job.status.words} (allowed)" + (f": {reason}" if reason else "")
        ElementTree.SubElement(case, "skipped", {"message": message})
    elif job.status in FAILED_STATUSES:
        kind = "error" if job.status is Status.LOST else "failure"
        problem = ElementTree.SubElement(case, kind, {"message": reason, "type": job.status.value})
        problem.text = _details(job)
    else:
        message = job.status.words + (f": {reason}" if reason else "")
        ElementTree.SubElement(case, "skipped", {"message": message})
    return case


def _details(job: JobReport) -> str:
    lines = [
        f"status: {job.status.value}",
        f"attempts: {job.attempts}",
        *([] if job.exit_code is None else [f"exit code: {job.exit_code}"]),
        *([] if job.signal is None else [f"signal: {job.signal}"]),
        *([] if job.log_file is None else [f"log: {job.log_file}"]),
    ]
    return "\n".join(lines)


def _seconds(value: float) -> str:
    return f"{value:.3f}"
