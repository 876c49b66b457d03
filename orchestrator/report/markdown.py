"""`execution_report.md`: a run as a document, with the figures of `results_summary.json`; a large run is folded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from orchestrator.console.text import clip, count, duration, percent, size
from orchestrator.journal.file_names import LOGS, RESULTS
from orchestrator.report.advice import recommendations
from orchestrator.report.large_runs import IN_MARKDOWN, LARGE, bands, cells, count_failures, skip_causes, titles
from orchestrator.report.markdown_code import code
from orchestrator.report.model import RunReport
from orchestrator.report.page.badges import job_badge
from orchestrator.report.shown_outputs import output_rows, undeclared
from orchestrator.report.status import FAILED_STATUSES, Status, result_word
from orchestrator.report.times import is_long_enough, job_time, slowest_jobs

MOST_FAILED = 100
MOST_WORKERS = 200
LONGEST_VALUE = 200
LONGEST_REASON = 300
LONGEST_OF_MANY = 100  # in a large run, which has many reasons


def execution_report(report: RunReport) -> str:
    """The whole document."""
    large = len(report.jobs) > LARGE
    sections = (
        ("Execution Summary", _summary(report)),
        ("Performance Metrics", _performance(report)),
        ("Levels", _levels(report) if large else []),
        ("Execution Times", _times(report)),
        ("Job Details", _details(report)),
        ("Skipped jobs", _skipped(report) if large else []),
        ("Output Values", _outputs(report)),
        ("Log Files", _logs(report)),
        ("Workers", _workers(report)),
        ("Recommendations", _bullets(recommendations(report)) or ["Nothing to recommend."]),
    )
    lines = [f"# Execution report: {code(report.plan.name)}"]
    for title, body in sections:
        if body:
            lines += ["", f"## {title}", "", *body]
    return "\n".join(lines) + "\n"


def _summary(report: RunReport) -> list[str]:
    result = result_word(report.result).capitalize()
    if report.exit_code is not None:
        result += f" (exit code {report.exit_code})"
    rows = [
        ("Result", result),
        ("Run", code(report.run_id)),
        ("Started", report.started_at or "not yet"),
        ("Total jobs", str(report.summary.total_jobs)),
        *((what.capitalize(), str(number)) for number, what in report.job_counts.parts()),
    ]
    if report.plan.left_out:
        rows.append(("Left out", count(len(report.plan.left_out), "workflow")))
    if report.cancelled_by is not None:
        rows.append(("Stopped by", report.cancelled_by.replace("_", "-")))
    if report.resumed:
        rows.append(("Resumed", count(report.resumed, "time")))
    if report.orphans_killed:
        rows.append(("Leftover processes ended", count(report.orphans_killed, "process", "processes")))
    return _table(("Item", "Value"), rows)


def _performance(report: RunReport) -> list[str]:
    """Times and the success rate are exactly those of `results_summary.json`; elsewhere figures are rounded."""
    summary = report.summary
    rows = [
        ("Success Rate", percent(summary.success_rate, 2)),
        ("Wall time", f"{summary.wall_time_seconds:.3f} s"),
        ("Total execution time", f"{summary.total_execution_time_seconds:.3f} s"),
        ("Average execution time", f"{summary.average_execution_time_seconds:.3f} s"),
        ("Critical path", f"{summary.critical_path_seconds:.3f} s"),
        ("Retries", str(summary.retries)),
    ]
    if is_long_enough(report):
        rows.append(("Parallel speedup", f"{summary.speed_up:.1f}x"))
        if report.has_known_slots:
            slots = count(report.max_parallel_jobs, "slot")
            rows.append(("Utilization", f"{percent(summary.utilisation)} of {slots}"))
    rows += [(f"Pool {code(name)}", f"{percent(use)} taken") for name, use in report.pool_use.items()]
    return _table(("Metric", "Value"), rows)


def _levels(report: RunReport) -> list[str]:
    """A level waits only for earlier levels. They are the groups of `execution_plan.json`."""
    found = bands(report, IN_MARKDOWN.bands)
    if not found:
        return []
    return _table([title.capitalize() for title in titles(found)], cells(found, duration))


def _workers(report: RunReport) -> list[str]:
    """Who joined and left, and how much each did."""
    rows = [
        (
            code(one.name),
            code(one.host),
            str(one.slots),
            str(one.attempts),
            percent(one.share(report.at)),
            duration(one.joined_at),
            "" if one.left_at is None else duration(one.left_at),
            code(one.why) if one.why else "",
        )
        for one in report.workers[:MOST_WORKERS]
    ]
    lines = _table(("Worker", "Host", "Slots", "Attempts", "Busy", "Joined", "Left", "Reason"), rows) if rows else []
    if len(report.workers) > len(rows):
        lines += ["", f"{count(len(report.workers) - len(rows), 'more worker')} joined later."]
    return lines


def _times(report: RunReport) -> list[str]:
    slowest, others = slowest_jobs(report, IN_MARKDOWN.slowest)
    if not slowest:
        return ["No jobs have run."]
    rows = []
    for index in slowest:
        job = report.jobs[index]
        took = str(job_time(report, index))
        rows.append((code(job.job_id), took, duration(job.cpu_seconds), size(job.max_rss_bytes)))
    lines = _table(("Job", "Time", "CPU time", "Peak memory"), rows)
    if others:
        lines += ["", f"{count(others, 'more job')} took less time."]
    path = report.summary.critical_path
    if path:
        lines += ["", f"Critical path: {_chain(path)}."]
    return lines


def _chain(path: Sequence[str]) -> str:
    shown = [code(job) for job in path]
    if len(shown) > 12:
        shown = [*shown[:6], f"{len(shown) - 12} more", *shown[-6:]]
    return " → ".join(shown)


def _details(report: RunReport) -> list[str]:
    indices, rest = _one_by_one(report)
    jobs = [report.jobs[index] for index in indices]
    longest = LONGEST_REASON if len(report.jobs) <= LARGE else LONGEST_OF_MANY
    has_hosts = report.has_other_hosts
    rows = [
        (
            code(job.job_id),
            job_badge(report, job).words,
            str(job.attempts),
            job.signal or ("" if job.exit_code is None else str(job.exit_code)),
            "" if (took := job_time(report, index)) is None else str(took),
            *([code(job.host) if job.host else ""] * has_hosts),
            code(clip(job.reason, longest)) if job.reason else "",
        )
        for index, job in zip(indices, jobs, strict=True)
    ]
    head = ("Job", "Status", "Attempts", "Exit", "Time", *(["Host"] * has_hosts), "Reason")
    lines = _table(head, rows) if rows else []
    if rest:
        hidden = count_failures(report.jobs) - count_failures(jobs)
        of_them = f", of which {hidden} failed, timed out or were lost" if hidden else ""
        lines += [""] * bool(rows) + [f"{count(rest, 'more job')} not shown{of_them}; all are in {code(RESULTS)}."]
    return lines or ["The plan has no jobs."]


def _skipped(report: RunReport) -> list[str]:
    """The causes, instead of each skipped job: one failure may skip thousands."""
    causes = skip_causes(report)
    rows = [
        ("no need failed", "", str(number))
        if index is None
        else (code(report.jobs[index].job_id), report.jobs[index].status.words, str(number))
        for index, number in causes[: IN_MARKDOWN.causes]
    ]
    lines = _table(("Because of", "Status", "Jobs skipped"), rows) if rows else []
    if len(causes) > len(rows):
        left = sum(number for _, number in causes[IN_MARKDOWN.causes :])
        lines += ["", f"{count(left, 'more job')} skipped because of {count(len(causes) - len(rows), 'other')}."]
    return lines


def _outputs(report: RunReport) -> list[str]:
    found, rest = output_rows(report)
    rows = [(code(row.job), code(row.name), code(clip(row.text, LONGEST_VALUE)), size(row.size)) for row in found]
    lines = _table(("Job", "Output", "Value", "Size"), rows) if rows else []
    if rest:
        lines += ["", f"{count(rest, 'more value')} not shown; all are in {code(RESULTS)}."]
    notes = [f"{code(job)} set {', '.join(map(code, names))} without declaring it" for job, names in undeclared(report)]
    return [*lines, *([""] if lines and notes else []), *_bullets(notes)]


def _logs(report: RunReport) -> list[str]:
    rows = [
        (code(job.job_id), code(job.log_file), size(job.log_bytes))
        for job in (report.jobs[index] for index in _one_by_one(report)[0])
        if job.log_file
    ]
    lines = [f"All logs are in {code(LOGS + '/')} in the run directory, one for each attempt."]
    return [*lines, "", *_table(("Job", "Last log", "Size"), rows)] if rows else lines


def _one_by_one(report: RunReport) -> tuple[Sequence[int], int]:
    """The jobs to list, and the number of the others. Of a large run: failures, then cancelled and running jobs."""
    if len(report.jobs) <= LARGE:
        return range(len(report.jobs)), 0
    shown_elsewhere = (Status.SUCCESS, Status.PENDING, Status.SKIPPED, Status.LEFT_OUT)
    jobs = [index for index, job in enumerate(report.jobs) if job.status not in shown_elsewhere]
    jobs.sort(key=lambda index: report.jobs[index].status not in FAILED_STATUSES)
    shown = jobs[:MOST_FAILED]
    return shown, len(report.jobs) - len(shown)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return [_row(head), _row(["---"] * len(head)), *(_row(row) for row in rows)]


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _bullets(sentences: Iterable[str]) -> list[str]:
    return [f"- {sentence}" for sentence in sentences]
